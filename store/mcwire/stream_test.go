package mcwire

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatServersAnswerToWatch(t *testing.T) {
	tests := []struct {
		name            string
		version, answer string
		want            error
	}{
		{"refused", "VERSION 1.6.18", "CLIENT_ERROR unauthenticated", ErrWatchRefused},
		{"unheard of", "VERSION 1.6.18", "ERROR", ErrWatchRefused},
		{"no version", "ERROR", "ERROR", ErrWatchRefused},
		{"failed", "VERSION 1.6.18", "WATCHER_FAILED failed to add log watcher", ErrWatchRefused},
		{"too many", "VERSION 1.5.20", "WATCHER_TOO_MANY log watcher limit reached", ErrTooManyWatchers},
		{"hangs", "VERSION 1.5.19", "", ErrWatchRefused},
		{"hangs, older", "VERSION 1.4.39", "", ErrWatchRefused},
		{"nonsense", "VERSION 1.6.18", "HELLO", ErrProtocol},
		{"an event", "VERSION 1.6.18", storedLine, ErrProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := against(t, Config{}, func(p *peer) {
				p.hears("version")
				p.says(tt.version + "\r\n")
				if tt.answer != "" {
					p.hears("watch mutations")
					p.says(tt.answer + "\r\n")
				} else if b, err := p.in.ReadByte(); err == nil {
					t.Errorf("a version that hangs was asked to watch: %q", b)
				}
			})
			if _, err := c.Watch(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			checkClosed(t, c)
		})
	}
}

func watchFake(t *testing.T, ctx context.Context, play func(p *peer)) *Stream {
	t.Helper()
	c := against(t, Config{}, func(p *peer) {
		p.hears("version")
		p.says("VERSION 1.6.18\r\n")
		p.hears("watch mutations")
		p.says("OK\r\n")
		play(p)
	})
	w, err := c.Watch(ctx, "channel_")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestSilenceInALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFake(t, t.Context(), func(p *peer) {
			p.says("\nnonsense\n" + waitingLine + "\nskipped=17\n" + storedLine[:60])
			time.Sleep(time.Second)
			p.says(storedLine[60:] + "\r\n")
		})
		if ev := next(t, w); ev.Skipped != 17 {
			t.Errorf("got %+v, want 17 skipped", ev)
		}
		for range 3 {
			begun := time.Now()
			if ev, err := w.Next(300 * time.Millisecond); !errors.Is(err, ErrSilent) {
				t.Fatalf("got %q, %v, want ErrSilent", ev.Key, err)
			}
			if took := time.Since(begun); took != 300*time.Millisecond {
				t.Errorf("it took %v, want 300ms", took)
			}
		}
		if ev := next(t, w); string(ev.Key) != "channel_a/b" {
			t.Errorf("got %q", ev.Key)
		}
	})
}

// What is filtered out does not put the end of the wait off.
func TestSilenceAmidOthersEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watchFake(t, t.Context(), func(p *peer) {
			for range 100 {
				time.Sleep(10 * time.Millisecond)
				p.says(waitingLine + "\n")
			}
			p.says(storedLine + "\n")
		})
		for range 3 {
			if ev, err := w.Next(300 * time.Millisecond); !errors.Is(err, ErrSilent) {
				t.Fatalf("got %q, %v, want ErrSilent", ev.Key, err)
			}
		}
		next(t, w)
	})
}

func TestHowAStreamEnds(t *testing.T) {
	long := "ts=1 key=" + strings.Repeat("x", maxLine)
	tests := []struct {
		name string
		end  func(p *peer, w *Stream, cancel func())
		want error
	}{
		{"the server's end", func(p *peer, _ *Stream, _ func()) { p.conn.Close() }, io.ErrUnexpectedEOF},
		{"a line too long", func(p *peer, _ *Stream, _ func()) { p.says(long + "\n") }, ErrProtocol},
		{"a line without an end", func(p *peer, _ *Stream, _ func()) { p.says(long) }, ErrProtocol},
		{"the context's end", func(_ *peer, _ *Stream, cancel func()) { cancel() }, context.Canceled},
		{"our end", func(_ *peer, w *Stream, _ func()) { w.Close() }, io.ErrClosedPipe},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				streams := make(chan *Stream)
				w := watchFake(t, ctx, func(p *peer) {
					w := <-streams
					synctest.Wait() // for Next to be waiting
					tt.end(p, w, cancel)
				})
				streams <- w
				for range 2 { // the second time, it has ended already
					begun := time.Now()
					if _, err := w.Next(time.Hour); !errors.Is(err, tt.want) {
						t.Errorf("got %v, want %v", err, tt.want)
					}
					if took := time.Since(begun); took != 0 {
						t.Errorf("it took %v", took)
					}
				}
				checkClosed(t, w.conn)
			})
		})
	}
}
