package cli

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// askAgain is how often a watch asks who is there, though it is told who comes
// and goes: over long-poll, what happens between two exchanges is told by
// nobody.
const askAgain = 10 * time.Second

// A watch prints who is there, and how that changes. It asks first, when there is
// another connection, and every askAgain. What it is told between the
// question and the answer it reads behind the answer; since what it was told
// last of a client agrees with the answer, no state comes of that which the
// client was not in.
type watch struct {
	// static
	channel string
	self    string // the client id of the one that watches
	printer *printer
	ask     func(context.Context) (client.Presence, error)
	events  func(context.Context) iter.Seq2[client.Event, error]
	again   <-chan struct{} // there is another connection

	there map[string]bool // nil: it has not been asked, or the channel is crowded
	crowd int             // clients of a crowded channel; 0: it is not crowded
}

// run watches until ctx ends, which its error tells, or the subscription does.
func (w *watch) run(ctx context.Context) error {
	for {
		there, err := w.ask(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			// There is no connection; once it is back, it is asked again.
		case err != nil:
			return err
		default:
			if err := w.answered(there); err != nil {
				return err
			}
		}
		if err := w.listen(ctx); err != nil {
			return err
		}
	}
}

// listen prints what is told, until it is time to ask.
func (w *watch) listen(ctx context.Context) error {
	listening, cancel := context.WithTimeout(ctx, askAgain)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	waiting.Go(func() {
		select {
		case <-w.again:
			cancel()
		case <-listening.Done():
		}
	})
	for e, err := range w.events(listening) {
		gap := (*client.GapError)(nil)
		switch {
		case errors.As(err, &gap): // of messages, which are not what is watched
		case err != nil && listening.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		default:
			if err := w.happened(e); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// happened prints what is news of a join, a leave, or a crowd.
func (w *watch) happened(e client.Event) error {
	switch e := e.(type) {
	case client.Join:
		return w.change(e.ClientID, true)
	case client.Leave:
		return w.change(e.ClientID, false)
	case client.Presence:
		return w.answered(e)
	}
	return nil
}

func (w *watch) change(id string, came bool) error {
	if w.there == nil || id == w.self || w.there[id] == came {
		return nil
	}
	op := protocol.OpLeave
	if came {
		op = protocol.OpJoin
		w.there[id] = true
	} else {
		delete(w.there, id)
	}
	if w.printer.json {
		return w.printer.frame(&protocol.ServerFrame{Op: op, Channel: w.channel, ClientID: id})
	}
	return w.line(string(op), field(id))
}

func (w *watch) line(what, who string) error {
	const longest = 5 // "leave", "crowd"
	return w.printer.line(w.printer.moment(w.printer.now()) + gutter + (what + "     ")[:longest] + gutter + who)
}

// answered takes over who is there. The one that watches is among them, listed
// or not.
func (w *watch) answered(there client.Presence) error {
	crowded := there.Count > len(there.Clients)
	i := slices.Index(there.Clients, w.self)
	if i >= 0 {
		there.Clients = slices.Delete(slices.Clone(there.Clients), i, i+1)
	}
	if i >= 0 || crowded {
		there.Count--
	}
	switch {
	case crowded:
		return w.crowded(there)
	case w.there == nil:
		return w.begin(there)
	}
	now := make(map[string]bool)
	for _, id := range there.Clients {
		now[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(w.there)) {
		if !now[id] {
			if err := w.change(id, false); err != nil {
				return err
			}
		}
	}
	for _, id := range there.Clients {
		if err := w.change(id, true); err != nil {
			return err
		}
	}
	return nil
}

// begin prints a complete list.
func (w *watch) begin(there client.Presence) error {
	w.crowd, w.there = 0, make(map[string]bool)
	for _, id := range there.Clients {
		w.there[id] = true
		if w.printer.json {
			continue
		}
		if err := w.line("here", field(id)); err != nil {
			return err
		}
	}
	if w.printer.json {
		return w.printer.frame(presenceFrame(w.channel, there))
	}
	return nil
}

// crowded prints how many are in a channel of which no more is told.
func (w *watch) crowded(there client.Presence) error {
	w.there = nil
	if w.crowd == there.Count {
		return nil
	}
	w.crowd = there.Count
	if w.printer.json {
		return w.printer.frame(presenceFrame(w.channel, there))
	}
	return w.line("crowd", strconv.Itoa(there.Count))
}
