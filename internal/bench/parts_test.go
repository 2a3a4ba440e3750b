package bench

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMarkers(t *testing.T) {
	want := marker{channel: 12, publisher: 3, number: 1234, due: time.Now().UnixNano()}
	text := want.append(nil, 128)
	for _, frame := range []string{
		`{"op":"message","channel":"bench-7-12","payload":"` + string(text) + `"}`,
		`["{\"type\":\"b\",\"payload\":\"` + string(text) + `\"}"]`,
		string(text),
	} {
		if got, size := findMarker([]byte(frame)); got != want || size == 0 || len(text) != 128 {
			t.Errorf("got %+v and %d bytes in %q, want %+v and a text of 128 bytes", got, size, frame, want)
		}
	}
	for _, frame := range []string{`{"op":"gap"}`, markerKey, markerKey + "1 2 3", markerKey + "1 2 x 4 ", markerKey + "1 2 3 4"} {
		if got, size := findMarker([]byte(frame)); size != 0 {
			t.Errorf("got %+v in %q, want none", got, frame)
		}
	}
}

// The largest numbers still leave the text as long as it is to be.
func TestMarkersKeepTheirSize(t *testing.T) {
	m := marker{channel: 9_999_999, publisher: 99_999, number: 999_999_999, due: 1 << 62}
	for _, size := range []int{minSize - 2, 128, 1000} {
		if got := len(m.append([]byte("before"), size)); got != size+len("before") {
			t.Errorf("got %d bytes, want %d more", got, size)
		}
	}
}

func TestLayout(t *testing.T) {
	for _, l := range []layout{{1, 1, 1}, {30, 7, 1}, {3, 8, 1}, {10, 7, 3}, {9, 6, 4}, {5, 5, 5}, {1000, 64, 64}} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			followers := make([]int, l.channels)
			for i := range l.subscribers {
				channels := l.of(i)
				for channel := range l.channels {
					want := slices.Index(channels, channel)
					if slot, ok := l.slot(i, channel); ok != (want >= 0) || ok && slot != want {
						t.Errorf("subscriber %d, channel %d: got slot %d, %t, want %d", i, channel, slot, ok, want)
					}
				}
				for _, channel := range channels {
					followers[channel]++
				}
			}
			for channel, want := range followers {
				if got := l.followers(channel); got != want {
					t.Errorf("channel %d: got %d followers, want %d", channel, got, want)
				}
			}
			if _, ok := l.slot(0, l.channels); ok {
				t.Error("a channel beyond the last one has a slot")
			}
		})
	}
}

func TestTracks(t *testing.T) {
	for _, tt := range []struct {
		name                string
		numbers             []int
		doubled, disordered int
	}{
		{"in order", []int{0, 1, 2, 3}, 0, 0},
		{"with gaps", []int{0, 5, 500, 501}, 0, 0},
		{"again", []int{0, 1, 1, 1, 2}, 2, 0},
		{"late", []int{0, 2, 1, 3}, 0, 1},
		{"late, and again", []int{0, 2, 1, 1}, 1, 1},
		{"just known", []int{0, 64, 1}, 0, 1},
		{"too far back to know", []int{0, 100, 1}, 1, 0},
		{"after a jump", []int{0, 1, 63, 1, 2}, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFollower(layout{1, 1, 1}, 0, 1, &tally{})
			for _, n := range tt.numbers {
				f.take(marker{number: n}, 1)
			}
			if f.doubled != tt.doubled || f.disordered != tt.disordered || f.received != len(tt.numbers)-tt.doubled {
				t.Errorf("got %d received, %d doubled, %d out of order, want %d and %d of %d", f.received, f.doubled, f.disordered,
					tt.doubled, tt.disordered, len(tt.numbers))
			}
		})
	}
}

func TestQuantiles(t *testing.T) {
	var l Latency
	for i := range 1000 {
		l.record(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := l.Quantile(q); got < want || got > want*107/100 {
			t.Errorf("quantile %v: got %v, want %v and at most 7 %% more", q, got, want)
		}
	}
	var ends Latency
	ends.record(-time.Second)
	ends.record(1 << 62)
	if low, high := ends.Quantile(0.5), ends.Quantile(1); low > 2*time.Microsecond || high < time.Hour {
		t.Errorf("got %v and %v, want the least and the most there is", low, high)
	}
}

// Every message that is whole is taken, however the bytes are cut.
func TestSessionsTakeAnyCut(t *testing.T) {
	name := Names{}.Channel(0)
	text := func(n int) string { return string(marker{number: n, due: 1}.append(nil, 200)) }
	frame := func(s string) string { // a server's: not masked
		b := TextFrame(nil, []byte(s))
		mask := bytes.Index(b, []byte{0, 0, 0, 0})
		b[1] &^= 0x80
		return string(slices.Delete(b, mask, mask+4))
	}
	answer := func(s string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\nX: y\r\n\r\n%s", len(s), s)
	}
	message := func(n int) string {
		return `{"op":"message","channel":"` + name + `","cursor":"c` + fmt.Sprint(n) + `","payload":"` + text(n) + `"}`
	}
	for _, tt := range []struct {
		transport string
		stream    string
		said      string
	}{
		{overWebSocket, "HTTP/1.1 101 Switching Protocols\r\n\r\n" + frame(`{"op":"welcome"}`) +
			frame(`{"op":"subscribed"}`) + frame(message(0)) + "\x89\x02hi" + frame(message(1)) + frame(message(2)),
			"\x8a\x82\x00\x00\x00\x00hi"},
		{overLongPoll, answer(`[{"op":"subscribed","channel":"`+name+`","cursor":"c"}]`) +
			answer("["+message(0)+","+message(1)+"]") + answer("[]") + answer("["+message(2)+"]"),
			`"since":"c2"`},
		{overPoll, answer("[]") + answer(`["{\"payload\":\"`+text(0)+`\"}","{\"payload\":\"`+text(1)+`\"}"]`) +
			answer(`["{\"payload\":\"`+text(2)+`\"}"]`), "GET ?channelid="},
	} {
		t.Run(tt.transport, func(t *testing.T) {
			for _, cut := range []int{1, 7, 100, len(tt.stream)} {
				f := newFollower(layout{1, 1, 1}, 0, 1, &tally{})
				c := client{session: fresh(tt.transport), inbox: Inbox{follower: f, skip: 200 - minSize}}
				c.open()
				said := ""
				for r, buf := strings.NewReader(tt.stream), []byte(nil); r.Len() > 0; {
					var err error
					buf, err = c.receive(buf, func(p []byte) (int, error) { return r.Read(p[:min(cut, len(p))]) })
					if err != nil {
						t.Fatal(err)
					}
					p, _ := c.said()
					said += string(p)
				}
				if f.received != 3 || f.doubled+f.disordered > 0 || !c.inbox.ready || len(c.rest) > 0 || !strings.Contains(said, tt.said) {
					t.Errorf("cut to %d: got %d messages, %d doubled, ready %t, %q left and %q said, want 3 messages and %q",
						cut, f.received, f.doubled, c.inbox.ready, c.rest, said, tt.said)
				}
			}
		})
	}
}

func fresh(transport string) Session {
	switch transport {
	case overWebSocket:
		return webSockets{}.Subscriber(0, []int{0})
	case overLongPoll:
		return longPolls{}.Subscriber(0, []int{0})
	}
	return polls{}.Subscriber(0, []int{0})
}

// What a server must not send ends the conversation, with a reason.
func TestBadAnswers(t *testing.T) {
	const upgraded = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	for _, tt := range []struct {
		name, transport, stream, want string
	}{
		{"a refusal", overWebSocket, "HTTP/1.1 403 Forbidden\r\n\r\nno", "403 Forbidden"},
		{"a masked frame", overWebSocket, upgraded + "\x81\x80\x00\x00\x00\x00", "masked"},
		{"a compressed frame", overWebSocket, upgraded + "\xc1\x01x", "type"},
		{"a part of a message", overWebSocket, upgraded + "\x01\x01x", "part"},
		{"too long a frame", overWebSocket, upgraded + "\x81\x7f\xff\x00\x00\x00\x00\x00\x00\x00", "bytes"},
		{"a close", overWebSocket, upgraded + "\x88\x06\x10\x04slow", "4100 slow"},
		{"a close without a code", overWebSocket, upgraded + "\x88\x00", "closed"},
		{"an error frame", overWebSocket, upgraded + "\x81\x0e" + `{"op":"error"}`, `"error"`},
		{"an answer without length", overLongPoll, "HTTP/1.1 200 OK\r\n\r\n", "Content-Length"},
		{"a length that is none", overLongPoll, "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", "1x"},
		{"an error status", overLongPoll, "HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nwhy", "503 Busy: why"},
		{"an error in an answer", overLongPoll, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + `[{"op":"error"}]`, `"error"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := client{session: fresh(tt.transport)}
			_, err := c.receive(nil, strings.NewReader(tt.stream).Read)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A server that floods a client without ever ending a message is not kept.
func TestEndlessAnswer(t *testing.T) {
	c := client{session: fresh(overLongPoll)}
	var buf []byte
	for range 1 << 16 {
		var err error
		if buf, err = c.receive(buf, func(p []byte) (int, error) { return len(p), nil }); err != nil {
			return
		}
	}
	t.Error("got no error for a header without an end")
}

func TestUsage(t *testing.T) {
	if got := readCPU(nil); got != 0 {
		t.Errorf("nobody used %v", got)
	}
	if got := family([]int{1 << 30}); !slices.Equal(got, []int{1 << 30}) {
		t.Errorf("got %v, want a process without children", got)
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	before := ownCPU()
	for begin := time.Now(); ownCPU() == before && time.Since(begin) < time.Minute; {
		continue
	}
	if got := ownCPU(); got <= before {
		t.Errorf("got %v of CPU after %v", got, before)
	}
	if m := readMemory([]int{os.Getpid()}); m.InUse() < 1<<20 {
		t.Errorf("got %+v, want at least 1 MiB of this process", m)
	}
}
