package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// The gateway's transports.
const (
	overWebSocket = "websocket"
	overLongPoll  = "longpoll"
	overPoll      = "poll"
)

// gatewayDialect is how the gateway is spoken to over o.Transport.
func gatewayDialect(o Options, u *url.URL) (Dialect, error) {
	g := gateway{Names: NewNames(), host: u.Host, path: u.EscapedPath()}
	if g.path == "" {
		g.path = "/"
	}
	switch o.Transport {
	case overWebSocket:
		return webSockets{g}, nil
	case overLongPoll:
		return longPolls{g}, nil
	case overPoll:
		if o.Each > 1 {
			return nil, errors.New("bench: a polling client follows one channel")
		}
		return polls{g, o.Pause}, nil
	}
	return nil, fmt.Errorf("bench: the transport is none of %s, %s and %s", overWebSocket, overLongPoll, overPoll)
}

// A gateway is where its entrance is, and who comes to it.
type gateway struct {
	Names
	host string
	path string
}

// webSockets are the gateway's clients over WebSocket.
type webSockets struct{ gateway }

func (g webSockets) Subscriber(i int, channels []int) Session {
	var hello []byte
	for _, channel := range channels {
		hello = TextFrame(hello, g.subscribe(nil, channel, ""))
	}
	left := len(channels)
	return &WebSocket{
		Host: g.host, Path: g.path + "?clientid=" + g.client("s", i), Hello: hello,
		Frame: func(p []byte, in *Inbox) error {
			switch {
			case bytes.HasPrefix(p, []byte(`{"op":"message"`)):
				in.Messages(p)
			case bytes.HasPrefix(p, []byte(`{"op":"subscribed"`)):
				if left--; left == 0 {
					in.Ready()
				}
			case bytes.HasPrefix(p, []byte(`{"op":"gap"`)):
				in.Gap()
			default:
				return refusal(p)
			}
			return nil
		},
	}
}

func (g webSockets) Publisher(i int) Publisher {
	var frame []byte // the latest one, to be used again
	return Sends{
		Session: &WebSocket{
			Host: g.host, Path: g.path + "?clientid=" + g.client("p", i),
			Frame: func(p []byte, _ *Inbox) error { return refusal(p) },
		},
		Text: func(dst []byte, channel int, text []byte) []byte {
			frame = g.send(frame[:0], channel, text)
			return TextFrame(dst, frame)
		},
	}
}

// longPolls are the gateway's clients by exchanges of frames.
type longPolls struct{ gateway }

func (g longPolls) Subscriber(i int, channels []int) Session {
	path := g.path + "?clientid=" + g.client("s", i)
	cursors := make(map[int]string, len(channels))
	request := func() []byte {
		body := []byte{'['}
		for _, channel := range channels {
			body = append(g.subscribe(body, channel, cursors[channel]), ',')
		}
		body[len(body)-1] = ']'
		return Post(nil, g.host, path, "application/json", body)
	}
	return &HTTP{
		First: request(),
		Answer: func(_, body []byte, in *Inbox) error {
			if err := g.readExchange(body, cursors, in); err != nil {
				return err
			}
			if len(cursors) == len(channels) {
				in.Ready()
			}
			in.Say(request())
			return nil
		},
	}
}

// frameStart begins every frame of an answer, and is in no payload here.
const frameStart = `{"op":"`

// readExchange takes an answer's messages, and the places that it tells.
func (g *gateway) readExchange(body []byte, cursors map[int]string, in *Inbox) error {
	for rest := body; ; {
		begin := bytes.Index(rest, []byte(frameStart))
		if begin < 0 {
			return nil
		}
		f := rest[begin:]
		if next := bytes.Index(f[len(frameStart):], []byte(frameStart)); next >= 0 {
			f = f[:len(frameStart)+next]
		}
		rest = rest[begin+len(f):]
		switch {
		case bytes.HasPrefix(f, []byte(frameStart+`gap"`)):
			in.Gap()
		case bytes.HasPrefix(f, []byte(frameStart+`message"`)):
			in.Messages(f)
		case !bytes.HasPrefix(f, []byte(frameStart+`subscribed"`)):
			if err := refusal(f); err != nil {
				return err
			}
		}
		if channel, cursor, ok := g.place(f); ok {
			cursors[channel] = cursor
		}
	}
}

// place is a frame's channel and cursor.
func (g *gateway) place(f []byte) (channel int, cursor string, ok bool) {
	_, name, _ := bytes.Cut(f, []byte(`"channel":"`+g.prefix))
	n, digits := number(name)
	_, rest, found := bytes.Cut(name, []byte(`"cursor":"`))
	text, _, closed := bytes.Cut(rest, []byte{'"'})
	return int(n), string(text), digits > 0 && found && closed
}

func (g longPolls) Publisher(i int) Publisher {
	return Sends{
		Session: &HTTP{Ready: true, Answer: func(_, body []byte, _ *Inbox) error {
			return refusal(bytes.TrimPrefix(body, []byte{'['}))
		}},
		Text: func(dst []byte, channel int, text []byte) []byte {
			body := append(g.send([]byte{'['}, channel, text), ']')
			return Post(dst, g.host, g.path+"?clientid="+g.client("p", i), "application/json", body)
		},
	}
}

// polls are the original polling clients: a GET, an answer, a pause.
type polls struct {
	gateway
	pause time.Duration
}

func (g polls) url(channel int, client string) string {
	return g.path + "?channelid=" + g.Channel(channel) + "&clientid=" + client
}

func (g polls) Subscriber(i int, channels []int) Session {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", g.url(channels[0], g.client("s", i)), g.host)
	return &HTTP{
		First: request,
		Answer: func(_, body []byte, in *Inbox) error {
			in.Ready() // the first answer sets the client's place
			in.Messages(body)
			in.SayAfter(g.pause, request)
			return nil
		},
	}
}

func (g polls) Publisher(i int) Publisher {
	client := g.client("p", i)
	return Sends{
		Session: &HTTP{Ready: true, Answer: func([]byte, []byte, *Inbox) error { return nil }},
		Text: func(dst []byte, channel int, text []byte) []byte {
			body := fmt.Appendf(nil, `{"type":"b","payload":"%s","from":"%s"}`, text, client)
			return Post(dst, g.host, g.url(channel, client), "application/json", body)
		},
	}
}

// subscribe appends a client's frame.
func (g *gateway) subscribe(dst []byte, channel int, since string) []byte {
	dst = fmt.Appendf(dst, `{"op":"subscribe","ref":%d,"channel":"%s"`, channel+1, g.Channel(channel))
	if since != "" {
		dst = fmt.Appendf(dst, `,"since":"%s"`, since)
	}
	return append(dst, '}')
}

// send appends a client's frame.
func (g *gateway) send(dst []byte, channel int, text []byte) []byte {
	dst = append(append(dst, `{"op":"send","channel":"`...), g.Channel(channel)...)
	return append(append(append(dst, `","type":"b","payload":"`...), text...), `"}`...)
}

// refusal is what a frame of the server says against what was asked of it.
func refusal(p []byte) error {
	if bytes.HasPrefix(p, []byte(frameStart+`error"`)) {
		return fmt.Errorf("the gateway said %s", bytes.TrimSuffix(p, []byte{','}))
	}
	return nil
}
