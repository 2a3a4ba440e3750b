package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A way is a transport, as an index.
type way int

const (
	webSocketWay way = iota
	longPollWay
	pollWay
	ways
)

// wayChecks are the checks of each way, and what people call it.
var wayChecks = [ways]struct {
	name          string
	send, receive ID
}{
	{"WebSocket", SendWebSocket, ReceiveWebSocket},
	{"long-poll", SendLongPoll, ReceiveLongPoll},
	{"polling", SendPoll, ReceivePoll},
}

// A sender sends one message, and returns once it was taken.
type sender func(ctx context.Context, text string) error

// A receiver follows the channel until ctx ends or it can't any more. It says
// once that it is ready; got takes what comes, as text, with the gateway's time
// in unix milliseconds, 0 where that is not told.
type receiver func(ctx context.Context, ready func(), got func(text string, time int64)) error

const messageType = "doctor"

// payload is a message's, as JSON. The text is plain letters, digits and "-",
// so that it is found in a message of any format.
func payload(text string) []byte { return protocol.AppendString(nil, text) }

func (x *exam) sendFrame(text string) protocol.ClientFrame {
	return protocol.ClientFrame{Op: protocol.OpSend, Ref: protocol.NewRef(1), Channel: x.channel, Type: messageType, Payload: payload(text)}
}

func (x *exam) sendByWebSocket(ctx context.Context, text string) error {
	s, err := x.connect(ctx, x.name+"-a")
	if err != nil {
		return err
	}
	defer s.end()
	if err := s.send(ctx, x.sendFrame(text)); err != nil {
		return err
	}
	_, err = s.await(ctx, answerIn, isOp(protocol.OpSent))
	return err
}

func (x *exam) sendByLongPoll(ctx context.Context, text string) error {
	a, frames := x.exchange(ctx, x.name+"-b", "", 0, x.sendFrame(text))
	for _, f := range frames {
		switch f.Op {
		case protocol.OpSent:
			return nil
		case protocol.OpError:
			return f.Err()
		}
	}
	return x.unexpected(a)
}

func (x *exam) sendByPoll(ctx context.Context, text string) error {
	e := protocol.Envelope{Type: messageType, Payload: payload(text), From: x.name + "-c"}
	a := x.ask(ctx, request{method: http.MethodPost, query: pollQuery(x.channel, x.name+"-c"), body: e.Append(nil)})
	if a.err != nil || a.status != http.StatusOK {
		return x.unexpected(a)
	}
	return nil
}

// unexpected is what is wrong with an answer, as an error.
func (x *exam) unexpected(a answer) error {
	if a.err != nil {
		return a.err
	}
	if e := a.refusal(); e != nil {
		return e
	}
	text, _ := x.whatElse(a)
	return errors.New(text)
}

func (x *exam) receiveByWebSocket(ctx context.Context, ready func(), got func(string, int64)) error {
	s, err := x.connect(ctx, x.name+"-d")
	if err != nil {
		return err
	}
	defer s.end()
	if err := s.send(ctx, protocol.ClientFrame{Op: protocol.OpSubscribe, Channel: x.channel}); err != nil {
		return err
	}
	if _, err := s.await(ctx, answerIn, isOp(protocol.OpSubscribed)); err != nil {
		return err
	}
	ready()
	for {
		f, err := s.await(ctx, time.Hour, isOp(protocol.OpMessage))
		if err != nil {
			return err
		}
		got(string(f.Payload), f.Time)
	}
}

func (x *exam) receiveByLongPoll(ctx context.Context, ready func(), got func(string, int64)) error {
	f, err := x.subscribe(ctx, x.name+"-e", x.channel)
	if err != nil {
		return err
	}
	ready()
	for {
		a, frames := x.exchange(ctx, x.name+"-e", "", longHold, f)
		if frames == nil {
			return x.unexpected(a)
		}
		for _, g := range frames {
			switch g.Op {
			case protocol.OpSubscribed, protocol.OpMessage, protocol.OpGap:
				f.Since = g.Cursor
			case protocol.OpBye:
				return errStopping
			case protocol.OpError:
				return g.Err()
			}
			if g.Op == protocol.OpMessage {
				got(string(g.Payload), g.Time)
			}
		}
	}
}

// subscribe begins to follow a channel by exchanges, and returns the frame that
// goes on from there.
func (x *exam) subscribe(ctx context.Context, client, channel string) (protocol.ClientFrame, error) {
	f := protocol.ClientFrame{Op: protocol.OpSubscribe, Ref: protocol.NewRef(1), Channel: channel}
	a, frames := x.exchange(ctx, client, "", 0, f)
	for _, g := range frames {
		switch g.Op {
		case protocol.OpSubscribed:
			f.Since = g.Cursor
			return f, nil
		case protocol.OpError:
			return f, g.Err()
		}
	}
	return f, x.unexpected(a)
}

func (x *exam) poll(ctx context.Context, channel, client string, within time.Duration) answer {
	return x.ask(ctx, request{method: http.MethodGet, query: pollQuery(channel, client), within: within})
}

func (x *exam) receiveByPoll(ctx context.Context, ready func(), got func(string, int64)) error {
	for first := true; ; first = false {
		a := x.poll(ctx, x.channel, x.name+"-f", longHold)
		var texts []string
		if a.err != nil || a.status != http.StatusOK || json.Unmarshal(a.body, &texts) != nil {
			return x.unexpected(a)
		}
		if first {
			ready()
		}
		for _, text := range texts {
			got(text, 0)
		}
	}
}
