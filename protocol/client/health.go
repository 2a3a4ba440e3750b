package client

import "time"

// A health is the memory of whether WebSocket is worth its try. Some networks
// never let one open, some let it open and cut it soon after. After three
// strikes of either kind WebSocket counts as blocked for half an hour.
type health struct {
	until    time.Time // blocked so long
	failures int       // before welcome, since the last one
	refused  int       // likewise, and long-poll worked
	cut      int       // ended within a minute, since one was proven
	suspect  bool      // one failed, and whether long-poll works is not known yet
}

// blocked reports whether to go without WebSocket for now.
func (h *health) blocked() bool { return time.Now().Before(h.until) }

// failed notes that a WebSocket failed before its welcome. That may as well be
// a dead gateway.
func (h *health) failed() {
	h.suspect = true
	h.failures++
}

// pollWorked notes that long-poll brought an answer: the gateway lives, so it
// was the WebSocket.
func (h *health) pollWorked() {
	if h.suspect {
		if h.refused++; h.refused >= strikes {
			h.block()
		}
	}
	h.suspect = false
}

func (h *health) welcomed() {
	h.suspect = false
	h.failures, h.refused = 0, 0
}

// proven notes that a WebSocket was useful: it brought or took a message, or
// lived for long.
func (h *health) proven() {
	h.cut = 0
	h.until = time.Time{}
}

// ended notes that a WebSocket ended so long after its welcome, and not by a
// word of the gateway.
func (h *health) ended(life time.Duration) {
	if life >= steady {
		h.proven()
	} else if h.cut++; h.cut >= strikes {
		h.block()
	}
}

func (h *health) block() { h.until = time.Now().Add(blockedFor) }
