package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// oldPause is how long the seed's client waits after each answer.
const oldPause = 500 * time.Millisecond

// A poller is the seed's polling client, without the browser: the same
// requests, in the same order.
type poller struct {
	id, channel string
	http        *http.Client
	heard       journal[string] // texts, byte for byte
}

func newPoller(t *testing.T, id, channel string) *poller {
	return &poller{id: id, channel: channel, http: newHTTP(t)}
}

// joinPoller makes a client that has polled once and so has its place, and
// polls on until t ends.
func joinPoller(t *testing.T, g *gateway, id, channel string) *poller {
	t.Helper()
	p := newPoller(t, id, channel)
	p.mustPoll(t, g.url("/channel.php"))
	if n := p.heard.len(); n != 0 {
		t.Fatalf("%s's first poll brought %d messages, want none", id, n)
	}
	inBackground(t, func(ctx context.Context) {
		texts, err := p.poll(ctx, g.url("/channel.php"))
		if err == nil {
			p.heard.add(texts...)
		}
		pause(ctx, oldPause)
	})
	return p
}

// query is what the seed's client puts behind the URL; it escapes nothing.
func (p *poller) query() string { return "?channelid=" + p.channel + "&clientid=" + p.id }

// get is a GET at url with further parameters.
func (p *poller) get(ctx context.Context, url, more string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+p.query()+more, nil)
	if err != nil {
		return 0, nil, err
	}
	return do(p.http, r)
}

// poll is one poll at url.
func (p *poller) poll(ctx context.Context, url string) ([]string, error) {
	status, body, err := p.get(ctx, url, "")
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(body, &texts); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("%s's poll: status %d: %s", p.id, status, body)
	}
	return texts, nil
}

// mustPoll is poll; what comes is heard.
func (p *poller) mustPoll(t *testing.T, url string) []string {
	t.Helper()
	texts, err := p.poll(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	p.heard.add(texts...)
	return texts
}

// post sends a body as it stands.
func (p *poller) post(ctx context.Context, url, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+p.query(), strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := do(p.http, r)
	if err == nil && (status != http.StatusOK || len(answer) > 0) {
		err = fmt.Errorf("%s's send: status %d, %q, want 200 and nothing", p.id, status, answer)
	}
	return err
}

// mustPost posts a text as the seed's client does.
func (p *poller) mustPost(t *testing.T, url, text string) {
	t.Helper()
	if err := p.post(t.Context(), url, p.body(text)); err != nil {
		t.Fatal(err)
	}
}

// body is what the seed's client posts. Its client ids are numbers, mostly.
func (p *poller) body(text string) string {
	payload, _ := json.Marshal(text)
	return fmt.Sprintf(`{"type":"msg","payload":%s,"from":%s}`, payload, p.id)
}

// payloads are what pages read out of texts.
func payloads(texts []string) []string {
	list := []string{}
	for _, text := range texts {
		var m struct{ Payload, Msg *string }
		switch err := json.Unmarshal([]byte(text), &m); {
		case err == nil && m.Payload != nil:
			list = append(list, *m.Payload)
		case err == nil && m.Msg != nil:
			list = append(list, *m.Msg)
		default:
			list = append(list, "no message: "+text)
		}
	}
	return list
}
