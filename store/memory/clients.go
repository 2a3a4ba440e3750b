package memory

import (
	"container/list"

	"github.com/commchannel/gateway/protocol"
)

type clientKey struct{ channel, client string }

// clients are the polling clients' places. They are bounded for the store as
// a whole: whoever polls channels that don't exist must not push out ones
// that do.
type clients struct {
	most   int
	places map[clientKey]*list.Element
	used   *list.List // of clientPlace, longest ago used first
}

type clientPlace struct {
	key    clientKey
	cursor protocol.Cursor
}

func newClients(most int) clients {
	return clients{most, make(map[clientKey]*list.Element), list.New()}
}

func (cs *clients) set(key clientKey, c protocol.Cursor) {
	if e, ok := cs.places[key]; ok {
		e.Value = clientPlace{key, c}
		cs.used.MoveToBack(e)
		return
	}
	if cs.used.Len() >= cs.most {
		delete(cs.places, cs.used.Remove(cs.used.Front()).(clientPlace).key)
	}
	cs.places[key] = cs.used.PushBack(clientPlace{key, c})
}

func (cs *clients) find(key clientKey) protocol.Cursor {
	e, ok := cs.places[key]
	if !ok {
		return ""
	}
	cs.used.MoveToBack(e)
	return e.Value.(clientPlace).cursor
}
