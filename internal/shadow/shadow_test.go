package shadow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/protocol/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A site is a channel with an old side and a new one, both made up.
type site struct {
	news chan any // events and errors of the new side
	lose string   // a text that the old side loses

	mu      sync.Mutex
	waiting []string // for the next poll
	fault   error    // of polls
	count   int      // messages sent
}

func newSite() *site { return &site{news: make(chan any, 100)} }

func (s *site) send(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.news <- message(word, s.count)
	if word != s.lose {
		s.waiting = append(s.waiting, text(word))
	}
}

// fail has polls fail from now on; nil: not any more.
func (s *site) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

func (s *site) poll(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return nil, s.fault
	}
	texts := s.waiting
	s.waiting = nil
	return texts, nil
}

func (s *site) events(ctx context.Context) iter.Seq2[client.Event, error] {
	return func(yield func(client.Event, error) bool) {
		for {
			select {
			case e := <-s.news:
				m, _ := e.(*client.Message)
				err, _ := e.(error)
				if !yield(m, err) {
					return
				}
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

// compare runs a comparison of s for a minute, while do happens.
func (s *site) compare(t *testing.T, do func()) (Result, error) {
	t.Helper()
	type outcome struct {
		result Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := Run(t.Context(), Options{Channel: "room", Poll: s.poll, Events: s.events, Duration: time.Minute})
		done <- outcome{r, err}
	}()
	synctest.Wait()
	do()
	o := <-done
	return o.result, o.err
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		began := time.Now()
		r, err := s.compare(t, func() {
			for n := range 150 {
				time.Sleep(301 * time.Millisecond)
				s.send(fmt.Sprint(n))
			}
		})
		if err != nil || r.Fault() != nil || r.Same != 150 {
			t.Errorf("got %+v, %v, want 150 messages and no difference", r, err)
		}
		if r.P50 < 200*time.Millisecond || r.P50 > 300*time.Millisecond || r.P99 > 500*time.Millisecond {
			t.Errorf("sooner by %v and %v, want about 250 and 495 ms", r.P50, r.P99)
		}
		if took := time.Since(began); took != time.Minute || r.Elapsed != time.Minute {
			t.Errorf("took %v, and told %v; want a minute, as nothing is on its way", took, r.Elapsed)
		}
	})
}

func TestRunNoticesALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.lose = "5"
		began := time.Now()
		r, err := s.compare(t, func() {
			for n := range 10 {
				time.Sleep(5 * time.Second)
				s.send(fmt.Sprint(n))
			}
		})
		if err != nil || counts(&r) != `9 same, 1 only new, only_new "5"` {
			t.Errorf("got %s, %v, want 5 to have come to the new client alone", counts(&r), err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("took %v, want a minute: a loss that is overtaken is no longer on its way", took)
		}
	})
}

// What may still come is waited for, but not for ever.
func TestRunWaitsForTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.lose = "last"
		began := time.Now()
		r, err := s.compare(t, func() {
			time.Sleep(10 * time.Second)
			s.send("first")
			time.Sleep(49 * time.Second)
			s.send("last")
		})
		if err != nil || counts(&r) != `1 same, 1 only new, only_new "last"` {
			t.Errorf("got %s, %v, want the last one missing", counts(&r), err)
		}
		if took := time.Since(began); took != time.Minute+defaultSettle {
			t.Errorf("took %v, want a minute and %v", took, defaultSettle)
		}
	})
}

func TestRunOverFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		down := errors.New("connection refused")
		r, err := s.compare(t, func() {
			time.Sleep(10 * time.Second)
			s.send("a")
			time.Sleep(time.Second)
			s.fail(down)
			s.send("b")
			time.Sleep(1600 * time.Millisecond)
			s.fail(nil)
			s.news <- &client.GapError{Channel: "room"}
			s.send("c")
		})
		if err != nil || r.Fault() != nil || r.Same != 3 {
			t.Errorf("got %+v, %v, want 3 messages and no difference", r, err)
		}
		if r.Gaps != 1 || r.FailedPolls < 3 || r.FailedPolls > 4 || !errors.Is(r.PollError, down) {
			t.Errorf("got %d gaps and %d failed polls, the last %v; want 1 and about 3 of %v", r.Gaps, r.FailedPolls, r.PollError, down)
		}
	})
}

func TestRunThatCannot(t *testing.T) {
	refused := errors.New("refused")
	for _, tt := range []struct {
		name    string
		happens func(s *site)
		want    string
	}{
		{"the first poll fails", func(s *site) { s.fail(refused) }, "the old client's first poll: refused"},
		{"the subscription ends", func(s *site) { s.news <- refused }, "the new client: refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite()
				tt.happens(s)
				_, err := s.compare(t, func() {})
				if !errors.Is(err, refused) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
		})
	}
}

// An interrupt is the end of the duration.
func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		ctx, cancel := context.WithCancel(t.Context())
		var told []Progress
		done := make(chan Result, 1)
		go func() {
			r, err := Run(ctx, Options{Poll: s.poll, Events: s.events, Progress: func(p Progress) { told = append(told, p) }})
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		time.Sleep(10*time.Second + 10*time.Millisecond)
		s.send("a")
		synctest.Wait()
		cancel()
		if r := <-done; counts(&r) != "1 same" {
			t.Errorf("got %s, want the message that was on its way", counts(&r))
		}
		if len(told) < 10 || told[9].Elapsed < 9*time.Second || told[9].Elapsed > 10*time.Second {
			t.Errorf("progress: got %+v, want it every second", told)
		}
	})
}
