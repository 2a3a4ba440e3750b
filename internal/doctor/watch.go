package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
)

// watch keeps connections for as long as clients would, all at once.
func (x *exam) watch(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	if x.works[webSocketWay] {
		all.Go(func() { x.stays(ctx) })
	} else {
		x.skip(WebSocketStays, "%s does not work", wayChecks[webSocketWay].name)
	}
	if x.works[longPollWay] {
		all.Go(func() { x.find(LongPollHeld, x.holdExchange(ctx)) })
	} else {
		x.skip(LongPollHeld, "%s does not work", wayChecks[longPollWay].name)
	}
	if x.works[pollWay] {
		all.Go(func() { x.find(PollHeld, x.holdPoll(ctx)) })
	} else {
		x.skip(PollHeld, "%s does not work", wayChecks[pollWay].name)
	}
}

// A life is how a watched WebSocket has fared.
type life struct {
	lasted   time.Duration
	quiet    time.Duration // of it, since something last passed
	cut      error         // nil: it was still there at the end of the watch
	stopping bool          // the gateway said goodbye
	pings    int           // of the gateway
}

// stays watches two WebSockets, of which one is idle but for the gateway's
// pings, and the other busy. What cuts idle ones leaves the other alone.
func (x *exam) stays(ctx context.Context) {
	watch := x.socketWatch()
	busy, enough := context.WithCancel(ctx)
	defer enough()
	var lives [2]life
	var both, opening sync.WaitGroup
	opening.Add(len(lives))
	both.Go(func() {
		opening.Wait()
		x.announce(watch)
	})
	both.Go(func() {
		lives[0] = x.live(ctx, watch, false, opening.Done)
		if n := lives[0].lasted; lives[0].cut != nil && n < watch {
			// The other has shown enough when it has lasted for longer.
			timer := time.AfterFunc(n/4+2*busyPace, enough)
			<-busy.Done()
			timer.Stop()
			return
		}
		enough()
	})
	both.Go(func() {
		lives[1] = x.live(busy, watch, true, opening.Done)
		enough()
	})
	both.Wait()
	if ctx.Err() == nil {
		x.find(WebSocketStays, x.judgeLives(lives[0], lives[1], watch))
	}
}

func (x *exam) announce(watch time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.o.Watching != nil {
		x.o.Watching(watch)
	}
}

// socketWatch is for how long to watch a WebSocket: until a ping has come, as
// it is never idle for longer than between two.
func (x *exam) socketWatch() time.Duration {
	if x.o.Quick {
		return quickWatch
	}
	return min(time.Duration(x.welcome.Ping)*time.Second+pingSlack, longWatch)
}

// live keeps a WebSocket open for as long as the watch and ctx last. It calls
// tried when one is open, or none can be had.
func (x *exam) live(ctx context.Context, watch time.Duration, busy bool, tried func()) (l life) {
	client := x.name + "-g"
	if busy {
		client = x.name + "-h"
	}
	s, err := x.connect(ctx, client)
	tried()
	if err != nil {
		return life{cut: err, stopping: errors.Is(err, errStopping)}
	}
	begun := time.Now()
	defer func() {
		l.lasted, l.pings = time.Since(begun), int(s.pings.Load())
		l.quiet = min(l.lasted, time.Since(time.Unix(0, s.heard.Load())))
		s.end()
	}()
	end := time.NewTimer(watch)
	defer end.Stop()
	pace := time.NewTicker(busyPace)
	defer pace.Stop()
	for {
		select {
		case f, ok := <-s.frames:
			switch {
			case !ok:
				l.cut = s.ended
				return l
			case f.Op == protocol.OpBye:
				return life{cut: errStopping, stopping: true}
			}
		case <-pace.C:
			if busy {
				_ = s.send(ctx, protocol.ClientFrame{Op: protocol.OpPing}) // what is wrong, its reader is told
			}
		case <-end.C:
			return l
		case <-ctx.Done():
			return l
		}
	}
}

func (x *exam) judgeLives(idle, busy life, watch time.Duration) finding {
	ping := time.Duration(x.welcome.Ping) * time.Second
	code := websocket.CloseStatus(idle.cut)
	switch {
	case idle.stopping || busy.stopping:
		return stopping(errStopping.Error())
	case idle.cut != nil && code >= 3000: // a gateway's own
		return finding{Fail, fmt.Sprintf("the gateway ends it after %s: %s", brief(idle.lasted), closing(idle.cut)), "look at the gateway's log"}
	case idle.cut != nil && idle.lasted == 0:
		return finding{Fail, "none opens any more: " + strings.TrimPrefix(closing(idle.cut), "doctor: "), "look at what lies between, and at the gateway's log"}
	case idle.cut != nil && busy.cut != nil:
		return finding{Fail, fmt.Sprintf("something on the way ends it after %s, though it is busy: %s", brief(idle.lasted), closing(idle.cut)),
			fmt.Sprintf("find the proxy or firewall that lets a WebSocket live for no longer than %s, and except this location from that; clients fall back to long-poll", brief(idle.lasted))}
	case idle.cut != nil:
		return finding{Fail, fmt.Sprintf("something on the way cuts it when it is idle for %s: %s", brief(idle.quiet), closing(idle.cut)), cutChange(idle.quiet, "ping", 5*time.Second)}
	case busy.cut != nil:
		return finding{Fail, fmt.Sprintf("something on the way ends it after %s, though an idle one stays: %s", brief(busy.lasted), closing(busy.cut)), "look for a bound on requests or bytes in the proxy"}
	case x.o.Quick:
		return finding{OK, fmt.Sprintf("stays open for %s; without --quick it is watched for longer", brief(watch)), ""}
	case ping > usualCut-pingSlack:
		return finding{Warn, fmt.Sprintf("stays open for %s; but the gateway pings only every %s, and common proxies cut what is idle for %s", brief(watch), brief(ping), brief(usualCut)),
			fmt.Sprintf("start the gateway with --ping %s", usualHold)}
	case idle.pings == 0:
		return finding{Warn, fmt.Sprintf("stays open for %s, but no ping of the gateway came, which sends one every %s", brief(watch), brief(ping)),
			"something on the way keeps pings for itself: the gateway will end connections that do not answer"}
	}
	return finding{OK, fmt.Sprintf("stays open, idle and busy, for %s and over the gateway's pings", brief(watch)), ""}
}

// cutChange tells how to do with something that cuts what is idle for a while.
// The gateway's flag can't be less than least.
func cutChange(after time.Duration, flag string, least time.Duration) string {
	change := "raise the proxy's bound on idle connections above the gateway's pace (nginx: proxy_read_timeout 75s;)"
	if shorter := (after * 7 / 10).Truncate(time.Second); shorter >= least {
		change += fmt.Sprintf(", or start the gateway with --%s %s", flag, shorter)
	}
	return change
}

// holdExchange has the gateway hold an exchange in which there is nothing to
// tell.
func (x *exam) holdExchange(ctx context.Context) finding {
	f, err := x.subscribe(ctx, x.name+"-i", x.name+"-held")
	if err != nil {
		return finding{Fail, "none can be held: " + closing(err), "look at what lies between, and at the gateway's log"}
	}
	a, frames := x.exchange(ctx, x.name+"-i", "", x.holdWatch(), f)
	for _, g := range frames {
		if g.Op == protocol.OpBye {
			return stopping(errStopping.Error())
		}
	}
	return x.judgeHold(a)
}

// holdPoll is holdExchange for a page that polls.
func (x *exam) holdPoll(ctx context.Context) finding {
	client, channel := x.name+"-j", x.name+"-held"
	if a := x.poll(ctx, channel, client, answerIn); a.err != nil || a.status != http.StatusOK {
		return x.mistaken(a)
	}
	return x.judgeHold(x.poll(ctx, channel, client, x.holdWatch()))
}

func (x *exam) holdWatch() time.Duration {
	if x.o.Quick {
		return quickWatch
	}
	return longHold
}

// leastHold is the least that a gateway can be told to hold an answer, less a
// tenth.
const leastHold = 900 * time.Millisecond

func (x *exam) judgeHold(a answer) finding {
	cut := cutChange(a.took, "hold", time.Second)
	switch {
	case isTimeout(a.err) && a.took > x.holdWatch()*9/10: // it was we who gave up
		if x.o.Quick {
			return finding{OK, fmt.Sprintf("held for %s; without --quick it is watched for longer", brief(quickWatch)), ""}
		}
		return finding{Warn, fmt.Sprintf("still held after %s: clients wait for %s", brief(longHold), brief(clientHold)), fmt.Sprintf("start the gateway with --hold %s", usualHold)}
	case a.err != nil:
		return finding{Fail, fmt.Sprintf("cut after %s: %s", brief(a.took), explain(a.err)), cut}
	case a.refusal() != nil:
		return x.mistaken(a)
	case a.status == http.StatusGatewayTimeout, a.status == http.StatusBadGateway, a.status == http.StatusServiceUnavailable, a.status == http.StatusRequestTimeout:
		return finding{Fail, fmt.Sprintf("cut after %s: HTTP %d%s", brief(a.took), a.status, a.by()), cut}
	case a.status != http.StatusOK:
		return x.mistaken(a)
	case a.took < leastHold:
		return finding{Warn, fmt.Sprintf("answered after %s with nothing: it is not held", brief(a.took)), "look for what answers instead of the gateway; clients ask again and again"}
	}
	return finding{OK, fmt.Sprintf("held for %s, and then answered", brief(a.took)), ""}
}
