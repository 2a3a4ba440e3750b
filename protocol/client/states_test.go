package client_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/commchannel/gateway/protocol/client"
)

// states is a log that remembers what it was told.
type states struct {
	mu      sync.Mutex
	records []slog.Record
}

func newStates() *states { return &states{} }

func (s *states) Enabled(context.Context, slog.Level) bool { return true }
func (s *states) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *states) WithGroup(string) slog.Handler            { return s }

func (s *states) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	return nil
}

func (s *states) count(message string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.Message == message {
			n++
		}
	}
	return n
}

// has reports whether the client was connected over kind.
func (s *states) has(kind client.Transport) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		r.Attrs(func(a slog.Attr) bool {
			found = found || r.Message == "connected" && a.Key == "transport" && a.Value.String() == string(kind)
			return true
		})
	}
	return found
}

func TestStates(t *testing.T) {
	s := newStates()
	slog.New(s).Info("connected", "transport", "longpoll")
	if !s.has(client.LongPoll) || s.has(client.WebSocket) || s.count("connected") != 1 {
		t.Error("the log that other tests look at is wrong")
	}
}
