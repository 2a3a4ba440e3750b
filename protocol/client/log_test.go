package client_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
)

// A logged is a log that remembers what it was told.
type logged struct {
	mu      sync.Mutex
	records []slog.Record
}

func (s *logged) Enabled(context.Context, slog.Level) bool { return true }
func (s *logged) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *logged) WithGroup(string) slog.Handler            { return s }

func (s *logged) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	return nil
}

func (s *logged) count(message string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.Message == message {
			n++
		}
	}
	return n
}

func TestLogged(t *testing.T) {
	log := &logged{}
	slog.New(log).Info("connected", "transport", "longpoll")
	if log.count("connected") != 1 || log.count("connection lost") != 0 {
		t.Error("the log that other tests look at is wrong")
	}
}
