package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// An arrival is a message that came.
type arrival struct {
	from, by way
	at       time.Time
	time     int64 // by the gateway's clock, in unix milliseconds; 0: not told
}

// A tour is the sending of one message by each way to all of them.
type tour struct {
	x       *exam
	texts   [ways]string // that each way sends
	sent    [ways]time.Time
	acked   [ways]time.Duration
	sendErr [ways]error
	ready   [ways]bool
	lost    [ways]error // why a receiver has given up
	came    [ways][ways]time.Duration

	arrivals chan arrival // has room for all there can be
	started  chan way     // who is ready, or has given up
	failed   [ways]chan error
}

// round sends messages to and fro.
func (x *exam) round(ctx context.Context) {
	t := &tour{x: x, arrivals: make(chan arrival, ways*ways), started: make(chan way, 2*ways)}
	for w := range ways {
		t.texts[w] = fmt.Sprintf("%s-%d", x.name, w)
	}
	listening, stop := context.WithCancel(ctx)
	var receivers sync.WaitGroup
	t.listen(listening, &receivers)
	t.sendAll(ctx)
	stop()
	receivers.Wait()
	for w := range ways {
		t.judgeSending(w)
		t.judgeReceiving(w)
	}
}

// listen starts the receivers, and waits until each is ready or has given up.
func (t *tour) listen(ctx context.Context, running *sync.WaitGroup) {
	receivers := [ways]receiver{t.x.receiveByWebSocket, t.x.receiveByLongPoll, t.x.receiveByPoll}
	waiting := make(map[way]bool)
	for w := range ways {
		t.failed[w] = make(chan error, 1)
		if !t.x.works[w] {
			continue
		}
		waiting[w] = true
		running.Go(func() {
			seen := [ways]bool{}
			err := receivers[w](ctx, func() { t.started <- w }, func(text string, at int64) { t.hear(w, &seen, text, at) })
			t.failed[w] <- err
			t.started <- w
		})
	}
	for len(waiting) > 0 {
		w := <-t.started // each request of theirs is bounded
		delete(waiting, w)
		select {
		case t.lost[w] = <-t.failed[w]:
			t.ready[w] = false
		default:
			t.ready[w] = true
		}
	}
}

// hear takes what a receiver got, the first time.
func (t *tour) hear(by way, seen *[ways]bool, text string, at int64) {
	for from := range ways {
		if !seen[from] && strings.Contains(text, t.texts[from]) {
			seen[from] = true
			t.arrivals <- arrival{from, by, time.Now(), at}
		}
	}
}

// sendAll sends by each way in turn, and waits for each message.
func (t *tour) sendAll(ctx context.Context) {
	senders := [ways]sender{t.x.sendByWebSocket, t.x.sendByLongPoll, t.x.sendByPoll}
	for w := range ways {
		if !t.x.works[w] {
			continue
		}
		t.sent[w] = time.Now()
		t.sendErr[w] = senders[w](ctx, t.texts[w])
		t.acked[w] = time.Since(t.sent[w])
		if t.sendErr[w] == nil {
			t.gather(ctx, w)
		}
	}
}

// gather takes arrivals until all that are ready have got w's message, or it
// has taken too long.
func (t *tour) gather(ctx context.Context, w way) {
	timer := time.NewTimer(arriveIn)
	defer timer.Stop()
	for !t.allHave(w) {
		select {
		case a := <-t.arrivals:
			t.came[a.from][a.by] = a.at.Sub(t.sent[a.from])
			if a.time != 0 {
				t.x.clocks = append(t.x.clocks, clockSample{t.sent[a.from], a.at, time.UnixMilli(a.time)})
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (t *tour) allHave(w way) bool {
	for by := range ways {
		if t.ready[by] && t.came[w][by] == 0 {
			return false
		}
	}
	return true
}

func (t *tour) judgeSending(w way) {
	c := wayChecks[w]
	switch err := t.sendErr[w]; {
	case !t.x.works[w]:
		t.x.skip(c.send, "%s does not work", c.name)
	case errors.Is(err, errStopping):
		t.x.find(c.send, stopping(err.Error()))
	case w == pollWay && isForbidden(err):
		t.x.skip(c.send, "channels of this name take none from pages (--format): %s", closing(err))
	case err != nil:
		t.x.fail(c.send, "the gateway's log may tell more; else look at what lies between", "not taken: %s", strings.TrimPrefix(closing(err), "doctor: "))
	case t.acked[w] > lateAfter:
		t.x.fail(c.send, "look for what holds requests or answers back on the way, such as a scanner", "taken, but told only after %s", brief(t.acked[w]))
	default:
		t.x.okIn(c.send, t.acked[w], "taken")
	}
}

// isForbidden reports whether the gateway itself forbids something.
func isForbidden(err error) bool {
	e, ok := errors.AsType[*protocol.Error](err)
	return ok && e.Code == protocol.CodeForbidden
}

// judgeReceiving looks at what came by one way. If nothing came at once, the
// way is to blame; else it is the sender's.
func (t *tour) judgeReceiving(by way) {
	c := wayChecks[by]
	if !t.x.works[by] {
		t.x.skip(c.receive, "%s does not work", c.name)
		return
	}
	if !t.ready[by] {
		t.x.fail(c.receive, "the gateway's log may tell more; else look at what lies between", "no messages can be had: %s", strings.TrimPrefix(closing(t.lost[by]), "doctor: "))
		return
	}
	var good, bad []string
	var longest time.Duration
	for from := range ways {
		if !t.x.works[from] || t.sendErr[from] != nil {
			continue
		}
		switch took := t.came[from][by]; {
		case took == 0:
			bad = append(bad, fmt.Sprintf("nothing from %s within %s", wayChecks[from].name, brief(arriveIn)))
		case took > lateAfter:
			bad = append(bad, fmt.Sprintf("from %s only after %s", wayChecks[from].name, brief(took)))
		default:
			good = append(good, fmt.Sprintf("from %s in %s", wayChecks[from].name, brief(took)))
			longest = max(longest, took)
		}
	}
	t.x.tell(t.received(by, good, bad, longest))
}

func (t *tour) received(by way, good, bad []string, longest time.Duration) Verdict {
	v := Verdict{ID: wayChecks[by].receive, Status: OK, Text: strings.Join(good, ", "), Took: millis(longest)}
	if len(bad) == 0 {
		if len(good) == 0 {
			v.Status, v.Text = Skipped, "nothing could be sent"
		}
		return v
	}
	v.Status, v.Text, v.Took = Fail, strings.Join(append(bad, good...), ", "), 0
	v.Change = "something on the way holds answers back: switch buffering and scanning off for this location (nginx: proxy_buffering off;)"
	if by == webSocketWay {
		v.Change = "something on the way collects frames: switch buffering and scanning off for this location"
	}
	if len(good) > 0 {
		v.Change = "other messages come by this way at once: look at how this one was sent"
	}
	select {
	case err := <-t.failed[by]: // it has been stopped by now, or has given up before
		if !errors.Is(err, context.Canceled) {
			v.Text += "; " + strings.TrimPrefix(closing(err), "doctor: ")
			v.Change = "look at what ends connections on the way, and at the gateway's log"
		}
	default:
	}
	return v
}

// A clockSample is a message's time by the gateway's clock, and when it was
// sent and came by this one.
type clockSample struct{ sent, came, stamped time.Time }

// mostSkew is by how much clocks may differ.
const mostSkew = 2 * time.Second

// ahead is by how much the gateway's clock is certainly ahead, or behind if it
// is negative.
func (s clockSample) ahead() time.Duration {
	if d := s.stamped.Sub(s.came); d > 0 {
		return d
	}
	return min(s.stamped.Sub(s.sent), 0)
}

// clock compares the clocks.
func (x *exam) clock() {
	if len(x.clocks) == 0 {
		x.skip(Clock, "no message came to tell the gateway's time")
		return
	}
	ahead := x.clocks[0].ahead()
	for _, s := range x.clocks[1:] {
		if a := s.ahead(); a.Abs() < ahead.Abs() {
			ahead = a
		}
	}
	if ahead.Abs() <= mostSkew {
		x.ok(Clock, "the gateway's clock and the one here agree")
		return
	}
	which := "ahead of"
	if ahead < 0 {
		which = "behind"
	}
	x.warn(Clock, "have both machines set their clocks by the network (NTP): times of messages are wrong to clients, and PHP's uniqid makes ids in a wrong order",
		"the gateway's clock is %s %s the one here", brief(ahead.Abs()), which)
}
