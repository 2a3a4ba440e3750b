package legacy

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// answerType is not the seed's text/html: a page on which everybody may write
// would run in the browser of whoever opens its address. The seed's client
// reads the text and does not look at the type.
const answerType = "application/json; charset=utf-8"

// readLimit is how many messages an answer has at most.
const readLimit = 256

// poll answers with what came after the client's place, and moves the place
// when the answer was written.
func (h *Handler) poll(w http.ResponseWriter, r *http.Request, who poller) {
	if h.turns.wait(r.Context(), who) != nil {
		return // the client has gone
	}
	news, err := h.news(r, who)
	switch {
	case r.Context().Err() != nil:
		return
	case err != nil && transport.ErrorFrom(err).Code == protocol.CodeUnavailable:
		// At anything but an array the seed's client stops polling for good.
		// While memcached was away, its script, too, said that nothing came.
		h.cfg.Log.Debug().Err(err).Str("channel", who.channel).Msg("poll answered as empty")
		h.write(w, answerType, []byte("[]"))
		return
	case err != nil:
		h.fail(w, err)
		return
	case !news.moved:
		h.write(w, answerType, news.body)
		return
	}
	// From the answer's first byte until its place is kept, the client's next
	// poll has to wait: it would get the same messages again.
	done, err := h.turns.take(r.Context(), who)
	if err != nil {
		return
	}
	defer done()
	if !h.write(w, answerType, news.body) {
		return // it asks again, and gets them again
	}
	if err := h.setCursor(r.Context(), who, news.cursor); err != nil {
		h.cfg.Log.Warn().Err(err).Str("channel", who.channel).Str("client", who.client).
			Msg("place of a polling client not kept; it gets some messages again")
	}
}

// news is an answer.
type news struct {
	body   []byte          // a JSON array of texts
	cursor protocol.Cursor // the place behind them
	moved  bool            // the place is another one than before
}

// news waits for what there is after the client's place. A client without one
// begins at the channel's end, at once.
func (h *Handler) news(r *http.Request, who poller) (news, error) {
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Limits.StoreTimeout)
	defer cancel()
	cursor, err := h.cfg.Store.ClientCursor(ctx, who.channel, who.client)
	if err != nil {
		return news{}, err
	}
	if cursor == "" {
		if cursor, err = h.cfg.Store.Tail(ctx, who.channel); err == nil {
			err = h.setCursor(ctx, who, cursor)
		}
		return news{body: []byte("[]")}, err
	}
	wait, ok := transport.QueryValue(r, "wait")
	atOnce := ok && wait == "0"
	if atOnce && !h.cfg.Hub.KeepsPresence(who.channel) {
		return h.read(ctx, who, cursor)
	}
	// The client is present while the listener is there, and a while beyond:
	// until its next poll.
	wake := make(transport.Signal, 1)
	l, err := h.cfg.Hub.Listen(ctx, who.channel, hub.ListenOptions{ClientID: who.client, Echo: true, Wake: wake.Wake})
	if err != nil {
		return news{}, err
	}
	defer l.Close()
	if atOnce {
		return h.read(ctx, who, cursor)
	}
	return h.await(r.Context(), who, cursor, l, wake)
}

// await reads after cursor until something is there or the time is over. The
// listener says only when to read: it was there before the first read, so
// what that does not find is hinted at.
func (h *Handler) await(ctx context.Context, who poller, cursor protocol.Cursor, l *hub.Listener, wake <-chan struct{}) (news, error) {
	timer := time.NewTimer(h.cfg.Limits.Held())
	defer timer.Stop()
	var frames [][]byte
	for {
		found, err := h.read(ctx, who, cursor)
		if err != nil || len(found.body) > len("[]") {
			return found, err
		}
		select {
		case <-wake:
			frames, _, _ = l.Next(frames[:0], math.MaxInt) // it may lag: the texts come from the store
		case <-timer.C:
			return found, nil
		case <-h.cfg.Draining:
			return found, nil
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
}

// read makes an answer of what the store has after cursor. One that grows
// beyond Limits.MaxAnswer ends there; the next poll goes on.
func (h *Handler) read(ctx context.Context, who poller, cursor protocol.Cursor) (news, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Limits.StoreTimeout)
	defer cancel()
	page, err := h.cfg.Store.Read(ctx, who.channel, cursor, readLimit)
	if err != nil {
		return news{}, err
	}
	body, end := []byte{'['}, page.Cursor
	for i, m := range page.Messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendText(body, m.Text)
		if len(body) > h.cfg.Limits.MaxAnswer {
			end = m.Cursor
			break
		}
	}
	return news{body: append(body, ']'), cursor: end, moved: end != cursor}, nil
}

// appendText appends text as a JSON string that is JavaScript as well, since
// the seed's client evaluates it: there, until 2019, U+2028 and U+2029 ended a
// line, and with it the string.
func appendText(dst, text []byte) []byte {
	start := len(dst)
	dst = protocol.AppendString(dst, string(text))
	if !bytes.Contains(dst[start:], []byte("\u2028")) && !bytes.Contains(dst[start:], []byte("\u2029")) {
		return dst
	}
	escaped := bytes.ReplaceAll(dst[start:], []byte("\u2028"), []byte(`\u2028`))
	escaped = bytes.ReplaceAll(escaped, []byte("\u2029"), []byte(`\u2029`))
	return append(dst[:start], escaped...)
}

// setCursor keeps a place, though the client may have left with its answer.
func (h *Handler) setCursor(ctx context.Context, who poller, c protocol.Cursor) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Limits.StoreTimeout)
	defer cancel()
	return h.cfg.Store.SetClientCursor(ctx, who.channel, who.client, c)
}
