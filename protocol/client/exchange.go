package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// exchange posts frames and returns the frames of the answer. With an error,
// there may be some, too, which count.
func exchange(ctx context.Context, client *http.Client, url string, frames []protocol.ClientFrame) ([]protocol.ServerFrame, error) {
	body := []byte{'['}
	for i := range frames {
		if i > 0 {
			body = append(body, ',')
		}
		body = frames[i].Append(body)
	}
	body = append(body, ']')
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: long-poll: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("client: long-poll: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("client: long-poll: %w", err)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("client: long-poll: an answer of more than %d bytes", maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return nil, refusal(resp, answer)
	}
	got, err := readFrames(answer)
	if err != nil {
		return got, err
	}
	return got, refusedIn(got)
}

// refusedIn is an error about the client itself in an answer: one without a
// ref.
func refusedIn(answer []protocol.ServerFrame) error {
	for i := range answer {
		if _, known := answer[i].Ref.Value(); known || answer[i].Op != protocol.OpError {
			continue
		}
		if code := finalCode(answer[i].Code); code != closeAbnormal {
			return &lostError{code: code, err: answer[i].Err()}
		}
	}
	return nil
}

// refusal is the error of an HTTP answer whose status is none that was hoped
// for. What the gateway writes, and how it is to be taken, is told from what a
// proxy does.
func refusal(resp *http.Response, body []byte) error {
	lost := &lostError{code: closeAbnormal}
	var told struct {
		Code    protocol.Code
		Message string
	}
	if json.Unmarshal(body[:min(len(body), maxRefusal)], &told) == nil && told.Code != "" {
		lost.code = finalCode(told.Code)
		lost.err = fmt.Errorf("client: HTTP status %d: %w", resp.StatusCode, &protocol.Error{Code: told.Code, Message: told.Message})
	} else {
		lost.err = fmt.Errorf("client: HTTP status %s", resp.Status)
	}
	if s, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		lost.retry = min(time.Duration(s)*time.Second, mostPause)
	}
	return lost
}
