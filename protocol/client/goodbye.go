package client

import (
	"context"
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// sayGoodbye tells the gateway that the client is not there any more, which it
// would else take it for during some seconds. An exchange that was broken off
// may count for a moment more, and one that had just begun may even reach the
// gateway after the goodbye: it is told until it was true often enough.
func (s *polling) sayGoodbye(frames []protocol.ClientFrame) {
	if len(frames) == 0 {
		return
	}
	gone, enough := 0, 1
	if time.Since(s.began) < exchangeYoung {
		enough = goodbyesYoung
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for n := range goodbyes {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		there, kept := s.stillThere(ctx, frames)
		if gone++; there {
			gone = 0
		}
		if gone == enough || !kept {
			return
		}
		pause.Reset(goodbyePause << n)
	}
}

// stillThere sends "unsubscribe" frames, and reports whether the client is
// present all the same in one of their channels, and whether the gateway keeps
// presence, which one that can't be reached does not.
func (s *polling) stillThere(ctx context.Context, frames []protocol.ClientFrame) (there, kept bool) {
	for some := range slices.Chunk(frames, exchangeFrames/2) {
		batch := append([]protocol.ClientFrame{s.hello}, some...)
		for _, f := range some {
			batch = append(batch, protocol.ClientFrame{Op: protocol.OpPresence, Channel: f.Channel})
		}
		answer, err := exchange(ctx, s.link.http, s.link.url, batch)
		if err != nil {
			return false, false
		}
		for i := range answer {
			if f := &answer[i]; f.Op == protocol.OpPresence {
				kept, there = true, there || slices.Contains(f.Clients, s.id)
			}
		}
	}
	return there, kept
}
