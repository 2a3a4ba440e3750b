package client

import (
	"context"
	"errors"

	"github.com/commchannel/gateway/protocol"
)

// A link is one way to the gateway, for one time. A long-poll wears a
// WebSocket's face: whoever uses a link need not know which it is.
type link interface {
	// run opens the link, says hello, and carries frames both ways until the
	// link ends or ctx does. Its error tells why; a *lostError where the gateway
	// had a word in it. When run returns, nothing of it is left behind.
	run(ctx context.Context, p pipe) error
}

// A pipe is what connects a link with the loop.
type pipe struct {
	// hello makes the link's first frame. It may ask for a token, and wait.
	hello func(ctx context.Context) (protocol.ClientFrame, error)
	// out has the frames to be sent. Nobody puts one in before the link's
	// welcome.
	out <-chan protocol.ClientFrame
	// in takes the frames that came, in their order; none at all are a sign of
	// life. It waits until they are taken, and reports false if nobody takes
	// them any more.
	in func(frames []protocol.ServerFrame) bool
}

// errDropped ends a link that is not wanted any more, or was found dead.
var errDropped = errors.New("client: dropped")

// A leaving ends a link because the Client is closed. The gateway is told so,
// within goodbye.
type leaving struct {
	frames []protocol.ClientFrame // what it is told: an "unsubscribe" for each channel
}

func (*leaving) Error() string { return "client: leaving" }
