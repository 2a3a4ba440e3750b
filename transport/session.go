package transport

import (
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// Welcome is the answer to a client's "hello".
func Welcome(l Limits, clientID string) *protocol.ServerFrame {
	l = l.WithDefaults()
	return &protocol.ServerFrame{
		Op: protocol.OpWelcome, ClientID: clientID, Version: protocol.Version,
		Ping: int(max(l.Ping/time.Second, 1)), MaxMessage: l.MaxMessage,
	}
}

// TooManyChannels refuses a subscription beyond the bound.
func TooManyChannels(most int) error {
	return &protocol.Error{
		Code:    protocol.CodeTooManyChannels,
		Message: fmt.Sprintf("the most channels of one connection is %d", most),
	}
}
