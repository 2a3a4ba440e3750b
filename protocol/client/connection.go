package client

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A connection is the part of the loop that keeps a client connected. It has
// at most one active link, which has had its welcome and carries everything,
// and beside it one of each kind that is being tried.
//
//	attempt -> try WebSocket; where it is blocked, long-poll
//	WebSocket fails before its welcome -> try long-poll at once
//	welcome -> that link is active; a long-poll it replaces is ended
//	long-poll active -> try WebSocket beside it, now and then
//	nothing active, nothing being tried -> wait, then attempt
//
// There is one alarm for the next attempt, one for the silence of the active
// link, and one for the welcome of the WebSocket being tried.
type connection struct {
	health health
	active *session
	trying map[Transport]*session

	// of the active link
	heard    time.Time     // when it last said something
	listened time.Time     // when silence was set
	probing  bool          // it was asked for a word
	ping     time.Duration // it is asked for a word after so much silence
	halvings int           // how often that was halved
	silence  *alarm

	// of the next attempt
	attempts   int  // in all
	failures   int  // links lost since one did what is expected
	expired    int  // tokens in a row
	pollFailed bool // before its welcome, the last time
	retry      time.Duration
	told       bool                // retry is the gateway's word on how long to stay away
	faults     map[Transport]error // how each kind failed last
	again      *alarm
	welcome    *alarm
}

func newConnection() connection {
	return connection{
		trying: make(map[Transport]*session), faults: make(map[Transport]error),
		ping: usualPing, silence: newAlarm(), again: newAlarm(), welcome: newAlarm(),
	}
}

// ---- attempts ----

func (l *loop) attempt() {
	l.again.clear()
	blocked := l.opts.uses(LongPoll) && l.health.blocked()
	// Where WebSocket is blocked, long-poll goes alone. But if that fails, too,
	// there is nothing left to be picky about.
	if l.active != nil || !blocked || l.pollFailed {
		l.try(WebSocket)
	}
	if l.active == nil && (!l.opts.uses(WebSocket) || blocked) {
		l.try(LongPoll)
	}
}

func (l *loop) try(kind Transport) {
	if !l.opts.uses(kind) || l.trying[kind] != nil || l.active != nil && l.active.kind == kind {
		return
	}
	within := laterWelcome
	if l.attempts == 0 {
		within = firstWelcome
	}
	l.attempts++
	s := l.start(kind, within)
	l.trying[kind] = s
	// Open is not healthy: a WebSocket has so long for its welcome. A long-poll
	// has a deadline for each exchange.
	if kind == WebSocket {
		if l.opts.Token != nil {
			within += tokenAnswer
		}
		l.welcome.set(within)
	}
}

// ---- what links say ----

func (l *loop) arrived(a arrival) {
	if a.from == l.active {
		l.heard = time.Now()
		if l.probing {
			l.listen(l.patience())
		}
	}
	if s := l.trying[WebSocket]; a.from == s && l.opts.Token != nil && !s.began && len(a.frames) == 0 {
		s.began = true
		l.welcome.set(s.within)
	}
	for i := range a.frames {
		f := &a.frames[i]
		if a.from != l.active && a.from != l.trying[a.from.kind] || l.err != nil {
			return // dropped meanwhile
		}
		switch f.Op {
		case protocol.OpBye:
			l.retry, l.told = time.Duration(f.Retry)*time.Millisecond, true
		case protocol.OpWelcome:
			l.welcomed(a.from, f)
		}
		if a.from == l.active {
			l.useful(f)
			l.frame(f)
		}
	}
}

// useful notes what f says about the health of its link.
func (l *loop) useful(f *protocol.ServerFrame) {
	useful := f.Op == protocol.OpMessage || f.Op == protocol.OpSent
	if useful {
		l.failures = 0
	}
	if l.active.kind == LongPoll {
		l.health.pollWorked()
	} else if useful {
		l.health.proven()
	}
}

// welcomed makes s the active link.
func (l *loop) welcomed(s *session, f *protocol.ServerFrame) {
	if s == l.active {
		return
	}
	l.forget(s)
	if l.active != nil { // a long-poll; what it missed comes by the cursors
		l.active.cancel(errDropped)
		l.breakOff()
	}
	l.active, s.since, l.expired, l.heard = s, time.Now(), 0, time.Now()
	if f.Ping > 0 {
		l.ping = time.Duration(f.Ping) * time.Second
	}
	if s.kind == WebSocket {
		l.again.clear()
		l.dropTrying()
		l.health.welcomed()
	} else {
		l.pollFailed = false
		l.retryWebSocket()
	}
	l.listen(l.patience())
	l.mu.Lock()
	if f.ClientID != "" { // a token's subject goes before one's own choice
		l.id = f.ClientID
	}
	l.mu.Unlock()
	l.status.set(State{Status: Connected, Transport: s.kind})
	l.maxMessage = f.MaxMessage
	l.opts.Logger.Info("connected", "transport", string(s.kind), "clientid", l.id)
	l.subscribeAll() // before the rest, so that no answer to a send is missed
	l.flush()
	l.tellFirst(nil)
}

// linkEnded takes over a link's end, by itself or because it was found dead.
func (l *loop) linkEnded(s *session, lost *lostError) {
	if s == l.trying[s.kind] {
		l.forget(s)
		l.failed(s.kind, lost)
		return
	}
	if s != l.active {
		return // it was dropped
	}
	l.opts.Logger.Info("connection lost", "transport", string(s.kind), "error", lost.Error())
	l.active = nil
	l.silence.clear()
	l.breakOff()
	life := time.Since(s.since)
	if life >= steady {
		l.failures = 0
	}
	if s.kind == WebSocket {
		// Something on the way may end what is silent for too long.
		if lost.code == closeAbnormal {
			l.halvings++
			if life > longLife {
				l.halvings = 0
			}
		}
		if lost.code < protocol.CloseDraining {
			l.health.ended(life)
		}
	}
	l.goOn(lost)
}

// failed takes over that a link ended before its welcome.
func (l *loop) failed(kind Transport, lost *lostError) {
	l.opts.Logger.Warn("attempt failed", "transport", string(kind), "error", lost.Error())
	l.faults[kind] = lost.err
	switch {
	case kind == LongPoll:
		l.pollFailed = true
	case lost.code >= protocol.CloseDraining:
		// With a code of its own the gateway has spoken: no blocked WebSocket.
	default:
		l.health.failed()
		if l.active != nil {
			l.push(protocol.ClientFrame{Op: protocol.OpPing, Ref: l.newRef()}, nil) // does long-poll work just now?
		} else {
			l.try(LongPoll)
		}
	}
	l.goOn(lost)
}

// goOn sees to it that there is always something that leads on.
func (l *loop) goOn(lost *lostError) {
	if !lost.code.Reconnects() && !l.mayRenew(lost.code) {
		l.err = &RefusedError{Code: lost.code, Reason: lost.err.Error()}
		l.opts.Logger.Info("refused", "error", l.err.Error())
		return
	}
	if l.active != nil {
		l.retryWebSocket()
		return
	}
	l.status.interrupted(lost)
	if len(l.trying) > 0 {
		return
	}
	l.tellFirst(l.fault())
	pause := l.pauseAfter(lost)
	l.opts.Logger.Debug("waiting for the next attempt", "pause", pause)
	l.again.set(pause)
}

// mayRenew reports whether another token may do what the last one did not.
func (l *loop) mayRenew(code protocol.CloseCode) bool {
	if code != protocol.CloseTokenExpired || l.opts.Token == nil {
		return false
	}
	l.expired++
	return l.expired < 2
}

// fault tells how all kinds failed.
func (l *loop) fault() error {
	var all []error
	for _, kind := range []Transport{WebSocket, LongPoll} {
		if err := l.faults[kind]; err != nil {
			all = append(all, err)
		}
	}
	return fmt.Errorf("client: can't connect: %w", errors.Join(all...))
}

func (l *loop) retryWebSocket() {
	if !l.opts.uses(WebSocket) {
		return
	}
	if l.health.blocked() {
		l.again.set(retryBlocked)
	} else {
		l.again.set(l.opts.Backoff.pause(l.random, l.health.failures))
	}
}

// pauseAfter is how long to stay away: the gateway's word comes first, then the
// class of its close code.
func (l *loop) pauseAfter(lost *lostError) time.Duration {
	if lost.retry > 0 && !l.told {
		l.retry, l.told = lost.retry, true
	}
	word, told := l.retry, l.told
	l.retry, l.told = 0, false
	comeAtOnce := lost.code >= 4000 && lost.code < 4100 && l.failures == 0
	pause := l.opts.Backoff.pause(l.random, l.failures)
	l.failures++
	if told || comeAtOnce {
		return word + l.opts.Backoff.jitter(l.random)
	}
	return pause
}

// ---- ends ----

// drop ends a link that was found dead.
func (l *loop) drop(s *session) {
	if s == nil {
		return
	}
	s.cancel(errDropped)
	l.linkEnded(s, &lostError{code: closeAbnormal, err: errors.New("client: " + string(s.kind) + ": no answer")})
}

// forget takes s out of what is being tried.
func (l *loop) forget(s *session) {
	if s.kind == WebSocket {
		l.welcome.clear()
	}
	delete(l.trying, s.kind)
}

func (l *loop) dropTrying() {
	for _, s := range l.trying {
		l.forget(s)
		s.cancel(errDropped)
	}
}

// farewells are what the gateway is told when the client leaves. With its
// connection alone, the client would be there for a while, to others.
func (l *loop) farewells() []protocol.ClientFrame {
	var frames []protocol.ClientFrame
	for _, name := range slices.Sorted(maps.Keys(l.topics)) {
		if l.topics[name].ref != (protocol.Ref{}) {
			frames = append(frames, protocol.ClientFrame{Op: protocol.OpUnsubscribe, Channel: name})
		}
	}
	return frames
}

// disconnect ends all links, the active one with a goodbye.
func (l *loop) disconnect() {
	l.dropTrying()
	if l.active != nil {
		l.active.cancel(&leaving{l.farewells()})
	}
	l.active = nil
	l.again.clear()
	l.silence.clear()
}
