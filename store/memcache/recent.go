package memcache

import (
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
)

const (
	// idsKept is for how long a message's id is known after it was appended.
	idsKept = 2 * time.Minute
	// maxRecent bounds the ids known, of all channels.
	maxRecent = 1 << 15
)

// recent knows what this process appended lately, also when the document has
// ended its 30 seconds.
type recent struct {
	mu     sync.Mutex
	places map[messageKey]protocol.Cursor
	queue  []appended // what is in places, oldest first
}

type messageKey struct{ channel, id string }

type appended struct {
	key messageKey
	at  time.Time
}

func (r *recent) add(key messageKey, c protocol.Cursor, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	if _, ok := r.places[key]; ok {
		return
	}
	r.places[key] = c
	r.queue = append(r.queue, appended{key, now})
}

func (r *recent) find(key messageKey, now time.Time) (protocol.Cursor, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	c, ok := r.places[key]
	return c, ok
}

func (r *recent) forget(now time.Time) {
	for len(r.queue) > 0 && (len(r.queue) >= maxRecent || now.Sub(r.queue[0].at) >= idsKept) {
		delete(r.places, r.queue[0].key)
		r.queue[0] = appended{}
		r.queue = r.queue[1:]
	}
}
