package shadow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/commchannel/gateway/protocol"
)

const (
	// pollAnswer is how long a poll may take. A gateway holds it back for a
	// while.
	pollAnswer = 2 * time.Minute
	// maxPollAnswer is in bytes.
	maxPollAnswer = 64 << 20
)

// A Poller polls a channel as the seed's client does.
type Poller struct {
	url    string
	client *http.Client
}

// NewPoller makes a Poller for the URL of the seed's script, or of a gateway,
// with a client id of its own. Its error tells that the URL can't be.
func NewPoller(rawURL, channel string) (*Poller, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("shadow: %q is no URL that can be polled; write it like http://shop.example/channel.php", rawURL)
	}
	query := u.Query()
	query.Set("channelid", channel)
	query.Set("clientid", protocol.NewClientID())
	u.RawQuery = query.Encode()
	return &Poller{u.String(), &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}}, nil
}

// Close gives up the connections.
func (p *Poller) Close() { p.client.CloseIdleConnections() }

// Poll polls once and returns the texts that came.
func (p *Poller) Poll(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, pollAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPollAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("its answer broke off: %w", err)
	case len(body) > maxPollAnswer:
		return nil, fmt.Errorf("its answer has more than %d bytes", maxPollAnswer)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("HTTP status %s: %.200q", resp.Status, body)
	}
	return texts(body)
}

// withoutURL is err without the URL, which is known to whoever reads it.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// texts reads an answer. What is no text in it, such as the null that the
// seed's script has in the place of a message that has just gone, stands for
// itself.
func texts(body []byte) ([]string, error) {
	var all []json.RawMessage
	if json.Unmarshal(body, &all) != nil || all == nil {
		return nil, fmt.Errorf("its answer is no JSON array, at which an old page stops polling: %.200q", body)
	}
	list := make([]string, len(all))
	for i, raw := range all {
		if raw[0] != '"' || json.Unmarshal(raw, &list[i]) != nil {
			list[i] = string(raw)
		}
	}
	return list, nil
}
