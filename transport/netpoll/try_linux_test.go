package netpoll

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// A trying is a pair that tries.
type trying struct {
	*pair
	try func() bool
}

func (c *trying) Try() bool { return c.try() }

func (c *trying) arm() {
	c.t.Helper()
	if !c.poller.Arm(&c.raw, c) {
		c.t.Fatal("arm: refused")
	}
}

func TestTryInPlaceOfReady(t *testing.T) {
	p := newPoller(t)
	tried := make(chan struct{}, 8)
	var result atomic.Bool
	c := &trying{pair: newPair(t, p)}
	c.try = func() bool { tried <- struct{}{}; return result.Load() }
	c.arm()
	c.say("a")
	<-tried
	c.wantReady()
	result.Store(true)
	c.arm() // with something there already
	<-tried
	result.Store(false)
	c.arm()
	<-tried
	c.wantReady()
	c.wantSilence()
	p.Go(c) // which is not for the Poller to try
	c.wantReady()
	if len(tried) != 0 {
		t.Error("Go had it try")
	}
}

// TestReadyThatWaits keeps no Trier waiting, and no other one.
func TestReadyThatWaits(t *testing.T) {
	p := newPoller(t)
	leave := make(chan struct{})
	waits := newPair(t, p)
	waits.then = func() { <-leave }
	waits.arm()
	waits.say("x")
	refuses := &trying{pair: newPair(t, p), try: func() bool { return false }}
	refuses.then = waits.then
	refuses.arm()
	refuses.say("x")
	tried := make(chan struct{})
	c := &trying{pair: newPair(t, p), try: func() bool { tried <- struct{}{}; return true }}
	other := newPair(t, p)
	for range 10 {
		c.arm()
		c.say("x")
		<-tried
		other.arm()
		other.say("x")
		other.wantReady()
	}
	close(leave)
	waits.wantReady()
	refuses.wantReady()
}

// TestLock: no Trier tries while somebody else has the turn.
func TestLock(t *testing.T) {
	p := newPoller(t)
	var locked atomic.Bool
	tried := make(chan struct{}, 1)
	c := &trying{pair: newPair(t, p), try: func() bool {
		if locked.Load() {
			t.Error("tried out of turn")
		}
		tried <- struct{}{}
		return true
	}}
	for range 1000 {
		p.Lock()
		locked.Store(true)
		c.arm()
		c.say("x")
		for range 100 {
			runtime.Gosched()
		}
		locked.Store(false)
		p.Unlock()
		<-tried
		c.wantRead("x")
	}
}

// TestMoreThanIsTried: of very many at once each is called once, and some by
// workers.
func TestMoreThanIsTried(t *testing.T) {
	p := newPoller(t)
	l := listen(t)
	many := (mostTried + 4) * atATime
	calls := make([]atomic.Int32, many)
	var tries atomic.Int32
	var called sync.WaitGroup
	called.Add(many)
	all := make([]*tallied, many)
	for i := range all {
		all[i] = &tallied{pair: connect(t, p, l), n: &calls[i], tries: &tries, called: &called}
		t.Cleanup(all[i].close)
	}
	first := &trying{pair: newPair(t, p), try: func() bool { return true }}
	p.Lock() // has the rest pile up behind the first one
	first.arm()
	first.say("x")
	for _, c := range all {
		if !p.Arm(&c.raw, c) {
			t.Fatal("arm: refused")
		}
		c.say("x")
	}
	p.Unlock()
	called.Wait()
	for i := range calls {
		if n := calls[i].Load(); n != 1 {
			t.Errorf("connection %d was called %d times", i, n)
		}
	}
	if n := int(tries.Load()); n == 0 || n == many {
		t.Errorf("%d of %d were tried", n, many)
	}
}

// A tallied is a pair that counts its calls.
type tallied struct {
	*pair
	n, tries *atomic.Int32
	called   *sync.WaitGroup
}

func (c *tallied) Ready() {
	c.n.Add(1)
	c.called.Done()
}

func (c *tallied) Try() bool {
	c.tries.Add(1)
	c.Ready()
	return true
}
