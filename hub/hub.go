package hub

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A Codec puts frames into the form in which connections take them.
type Codec interface {
	// Frame appends a header and text to dst; the last len(text) bytes of
	// what it returns are text, unchanged.
	Frame(dst, text []byte) []byte
	// Close appends what tells the peer that the connection ends, and why.
	Close(dst []byte, code protocol.CloseCode, reason string) []byte
}

// A packer is a Codec that has a second, compressed form of frames, for the
// connections that take it.
type packer interface {
	Codec
	// Pack is Frame, but may compress text.
	Pack(dst, text []byte) []byte
}

// A Config is what a Hub is made of. Zero values are the defaults.
type Config struct {
	Store store.Store // needed
	Codec Codec       // needed
	// Format says how a channel's messages are written; nil: all as
	// protocol.FormatJSON. It must say the same of a channel each time.
	Format func(channel string) protocol.Format
	// Presence says of which channels it is told who is there; nil: of none.
	// It must say the same of a channel each time.
	Presence func(channel string) bool
	Log      zerolog.Logger // the zero Logger is silent

	LogBytes int           // of frames kept of a channel; 0: 4 MiB
	LogCount int           // frames kept of a channel; 0: 4096
	LogAge   time.Duration // how long a frame is kept; 0: 2 min
	Lag      int           // bytes a connection may be behind in a channel before it is cut off; 0: 1 MiB, at most LogBytes
	Idle     time.Duration // how long a channel nobody uses stays; 0: 30 s
	Channels int           // channels in use at once; 0: 100000
	Pause    time.Duration // least time from one sweep of a channel to the next; 0: none but a busy channel's own

	StoreTimeout time.Duration // for one call of the store; 0: 10 s
}

func (c Config) withDefaults() Config {
	c.LogBytes = orDefault(c.LogBytes, 4<<20)
	c.LogCount = orDefault(c.LogCount, 4096)
	c.LogAge = orDefault(c.LogAge, 2*time.Minute)
	c.Lag = min(orDefault(c.Lag, 1<<20), c.LogBytes)
	c.Idle = orDefault(c.Idle, 30*time.Second)
	c.Channels = orDefault(c.Channels, 100_000)
	c.StoreTimeout = orDefault(c.StoreTimeout, 10*time.Second)
	return c
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// A Hub holds the channels in use. Its methods may be called from any
// goroutine.
type Hub struct {
	// static
	cfg  Config
	ctx  context.Context // ends with Close
	stop context.CancelFunc

	near    nearStore     // Config.Store, if it is one; or else nil
	packer  packer        // Config.Codec, if it is one; or else nil
	sweeps  chan *sweeper // with which the workers may help
	answers sync.Pool     // *answer

	mostTold  crowd             // beyond it a room is crowded
	lingering *delay[lingering] // nil, as telling, without Config.Presence
	telling   *delay[*room]

	running sync.WaitGroup // channel goroutines, drains, the janitor, delays

	// guarded by mu
	mu       sync.Mutex
	channels map[string]*channel
	closed   bool
}

// New makes a Hub. It wants Close.
func New(cfg Config) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{
		cfg: cfg.withDefaults(), ctx: ctx, stop: stop,
		sweeps: make(chan *sweeper), channels: make(map[string]*channel),
		answers: sync.Pool{New: newAnswer}, mostTold: mostTold(),
	}
	h.near, _ = cfg.Store.(nearStore)
	h.packer, _ = cfg.Codec.(packer)
	h.running.Go(h.janitor)
	if cfg.Presence != nil {
		h.lingering = newDelay(linger, lingering.expire)
		h.telling = newDelay(tellPause, (*room).tellNow)
		h.running.Go(func() { h.lingering.run(ctx) })
		h.running.Go(func() { h.telling.run(ctx) })
	}
	for range runtime.GOMAXPROCS(0) - 1 {
		h.running.Go(h.help)
	}
	return h
}

// Close ends the channels and waits for their goroutines. Connections are to
// be ended before. Later calls of the Hub's methods return store.ErrClosed.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.stop()
	h.running.Wait()
}

// Format is how channel's messages are written.
func (h *Hub) Format(channel string) protocol.Format {
	if h.cfg.Format == nil {
		return protocol.FormatJSON
	}
	return h.cfg.Format(channel)
}

// Channels tells how many channels are in use.
func (h *Hub) Channels() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.channels)
}

// acquire holds the channel of that name open until release, and waits for
// it to know its place in the store.
func (h *Hub) acquire(ctx context.Context, name string) (*channel, error) {
	h.mu.Lock()
	c, err := h.hold(name)
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-c.started:
		err = c.startErr
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		h.release(c)
		return nil, err
	}
	return c, nil
}

// hold finds or makes the channel of that name; it wants h.mu.
func (h *Hub) hold(name string) (*channel, error) {
	if h.closed {
		return nil, store.ErrClosed
	}
	c := h.channels[name]
	if c == nil {
		if len(h.channels) >= h.cfg.Channels {
			return nil, fmt.Errorf("hub: %d channels in use: %w", len(h.channels), store.ErrFull)
		}
		c = newChannel(h, name)
		h.channels[name] = c
		h.running.Go(c.run)
	}
	c.users++
	return c, nil
}

// reacquire is acquire for a channel that was held before. It reports false if
// the channel has ended.
func (h *Hub) reacquire(c *channel) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.channels[c.name] != c {
		return false
	}
	c.users++
	return true
}

func (h *Hub) release(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.users--; c.users == 0 {
		c.unusedSince = time.Now()
	}
}

// forget takes out a channel that could not start.
func (h *Hub) forget(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.channels[c.name] == c {
		delete(h.channels, c.name)
	}
}

// janitor ends channels that nobody uses, and trims the logs of those in
// which nothing happens.
func (h *Hub) janitor() {
	tick := time.NewTicker(max(h.cfg.Idle/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case now := <-tick.C:
			for _, c := range h.endUnused(now) {
				c.trim(now)
			}
		}
	}
}

// endUnused ends what nobody has used for Idle and returns what is left. The
// count of users is looked at under the mutex under which it grows, so that
// nobody gets a channel that is being ended.
func (h *Hub) endUnused(now time.Time) []*channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	rest := make([]*channel, 0, len(h.channels))
	for name, c := range h.channels {
		if c.users == 0 && now.Sub(c.unusedSince) >= h.cfg.Idle {
			delete(h.channels, name)
			c.stop()
			continue
		}
		rest = append(rest, c)
	}
	return rest
}
