package cli

import (
	"context"
	"log/slog"
	"sync"
)

// A notes is the client's log, of which people are told two things: that the
// connection is lost, and that it is there again.
type notes struct {
	tell  func(format string, args ...any)
	again func() // called once the connection is there again; nil: nobody is told

	mu   sync.Mutex
	lost bool
}

var _ slog.Handler = (*notes)(nil)

// What the client logs.
const (
	logConnected = "connected"
	logLost      = "connection lost"
)

func (n *notes) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (n *notes) WithAttrs([]slog.Attr) slog.Handler               { return n }
func (n *notes) WithGroup(string) slog.Handler                    { return n }

// Handle takes what the client logs.
func (n *notes) Handle(_ context.Context, r slog.Record) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case r.Message == logLost && !n.lost:
		n.lost = true
		n.tell("connection lost, trying to come back: %s", attribute(r, "error"))
	case r.Message == logConnected && n.lost:
		n.lost = false
		n.tell("connected again, by %s", attribute(r, "transport"))
		if n.again != nil {
			n.again()
		}
	}
	return nil
}

func attribute(r slog.Record, key string) string {
	text := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			text = a.Value.String()
		}
		return a.Key != key
	})
	return text
}
