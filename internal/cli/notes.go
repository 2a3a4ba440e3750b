package cli

import (
	"context"

	"github.com/commchannel/gateway/protocol/client"
)

// A notes tells people two things of a connection: that it is lost, and that it
// is there again.
type notes struct {
	tell  func(format string, args ...any)
	again func() // called when there is another connection; nil: nobody is told

	began bool // there was a connection
	lost  bool // people were told so
}

func (n *notes) take(s client.State) {
	switch {
	case s.Status == client.Reconnecting && !n.lost:
		n.lost = true
		n.tell("connection lost, trying to come back: %s", oneLine(s.Err))
	case s.Status != client.Connected:
	case !n.began:
		n.began = true
	default:
		if n.lost {
			n.tell("connected again, by %s", s.Transport)
		}
		n.lost = false
		if n.again != nil {
			n.again()
		}
	}
}

// connect connects, and tells people how the connection fares, until end closes
// it. again, which may be nil, is called for each further connection.
func (s *session) connect(ctx context.Context, again func()) (c *client.Client, end func(), err error) {
	c, err = s.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	n := &notes{tell: s.note, again: again}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for state := range c.States(context.Background()) { // to the end of c
			n.take(state)
		}
	}()
	return c, func() {
		c.Close()
		<-told
	}, nil
}
