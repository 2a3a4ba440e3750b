package client

import (
	"time"

	"github.com/commchannel/gateway/protocol"
)

// An alarm is a timer for a select. Its channel has something once for each
// set, unless it is set anew or cleared before.
type alarm struct {
	timer *time.Timer
	due   time.Time // zero: not set
}

func newAlarm() *alarm {
	a := &alarm{timer: time.NewTimer(0)}
	a.clear()
	return a
}

func (a *alarm) set(d time.Duration) {
	a.timer.Reset(d)
	a.due = time.Now().Add(d)
}

func (a *alarm) clear() {
	a.timer.Stop()
	a.due = time.Time{}
}

// patience is how long the active link may be silent.
func (l *loop) patience() time.Duration {
	return max(leastSilence, l.ping>>min(l.halvings, 10))
}

// listen expects the active link to say something within a time, pings of the
// gateway's included, and asks it to if it doesn't. A long-poll needs none of
// this.
func (l *loop) listen(within time.Duration) {
	l.probing = false
	l.listened = time.Now()
	l.silence.set(within)
}

// silent is called when silence is out.
func (l *loop) silent() {
	l.silence.clear()
	switch {
	case l.active == nil || l.active.kind != WebSocket:
	case l.probing:
		l.drop(l.active)
	case l.heard.After(l.listened):
		l.listen(l.patience())
	default:
		l.probing = true
		l.silence.set(pingAnswer)
		l.push(protocol.ClientFrame{Op: protocol.OpPing, Ref: l.newRef()}, nil)
	}
}

// expectAnswer bears less silence for once: a send is to be answered.
func (l *loop) expectAnswer() {
	if !l.probing && l.silence.due.After(time.Now().Add(sendAnswer)) {
		l.listen(sendAnswer)
	}
}
