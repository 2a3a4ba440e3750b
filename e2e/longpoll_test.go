package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// newHTTP is a client whose connections end with t.
func newHTTP(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// do performs a request and returns the answer's status and body.
func do(client *http.Client, r *http.Request) (int, []byte, error) {
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// A longPoller is a long-poll client of one channel.
type longPoller struct {
	id, channel string
	http        *http.Client
	inbox
}

// newLongPoll makes a client that is subscribed from now on.
func newLongPoll(t *testing.T, g *gateway, id, channel string) *longPoller {
	t.Helper()
	p := &longPoller{id: id, channel: channel, http: newHTTP(t)}
	answer, err := p.exchange(t.Context(), g, fields{"op": "subscribe", "channel": channel})
	if err != nil {
		t.Fatal(err)
	}
	p.takeAll(answer)
	if p.cursor() == "" {
		t.Fatalf("%s's subscription was answered with %+v", id, answer)
	}
	return p
}

// joinLongPoll is newLongPoll, and listens until t ends.
func joinLongPoll(t *testing.T, g *gateway, id, channel string) *longPoller {
	t.Helper()
	p := newLongPoll(t, g, id, channel)
	p.listen(t, g)
	return p
}

// exchange is one exchange, with hello in front of frames.
func (p *longPoller) exchange(ctx context.Context, g *gateway, frames ...fields) ([]frame, error) {
	frames = append([]fields{{"op": "hello", "clientid": p.id}}, frames...)
	body, err := json.Marshal(frames)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url("/channel"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	status, text, err := do(p.http, r)
	if err != nil {
		return nil, err
	}
	var answer []frame
	if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("%s's exchange: status %d: %s", p.id, status, text)
	}
	return answer, nil
}

// hold is an exchange which the gateway holds until there is something.
func (p *longPoller) hold(ctx context.Context, g *gateway) ([]frame, error) {
	return p.exchange(ctx, g, fields{"op": "subscribe", "channel": p.channel, "since": p.cursor()})
}

func (p *longPoller) takeAll(answer []frame) {
	for _, f := range answer {
		p.take(f)
	}
}

// listen holds one exchange after the other, over failures, until t ends or
// stop is called; stop returns when it does so no more.
func (p *longPoller) listen(t *testing.T, g *gateway) (stop func()) {
	return inBackground(t, func(ctx context.Context) {
		answer, err := p.hold(ctx, g)
		if err != nil {
			pause(ctx, retryPause)
			return
		}
		p.takeAll(answer)
	})
}

// send sends a text as a message of type "msg".
func (p *longPoller) send(ctx context.Context, g *gateway, text string) error {
	answer, err := p.exchange(ctx, g, fields{"op": "send", "ref": 1, "channel": p.channel, "type": "msg", "payload": text})
	if err != nil {
		return err
	}
	for _, f := range answer {
		if f.Ref == 1 {
			return sent(f, nil)
		}
	}
	return fmt.Errorf("%s's send was answered with %+v", p.id, answer)
}

// inBackground does something again and again, until t ends or stop is called;
// stop returns when it is done no more, and may be called twice.
func inBackground(t *testing.T, again func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			again(ctx)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// pause is how a client waits before it asks again.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
