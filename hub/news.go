package hub

import (
	"time"

	"github.com/commchannel/gateway/protocol"
)

// end is the place behind the newest of the news.
func (r *room) end() int64 { return r.base + int64(len(r.news)) }

// report puts a frame into the news.
func (r *room) report(f *protocol.ServerFrame) {
	text := f.Append(nil)
	r.news = r.ch.hub.cfg.Codec.Frame(r.news, text)
	end := r.end()
	r.texts = append(r.texts, span{end - int64(len(text)), end})
}

// tellSoon tells the news at once, or with what else comes within tellPause
// of the last ones.
func (r *room) tellSoon() {
	switch {
	case len(r.news) == 0:
	case len(r.news) >= tellMost || time.Since(r.toldAt) >= tellPause:
		r.tell()
	case !r.waiting:
		r.waiting = true
		r.ch.hub.telling.add(r)
	}
}

// tellNow is called once tellPause is over.
func (r *room) tellNow() {
	r.ch.mu.Lock()
	defer r.ch.mu.Unlock()
	r.waiting = false
	r.tell()
}

// tell gives everybody what they have not been told yet.
func (r *room) tell() {
	if len(r.news) == 0 {
		return
	}
	heard := false
	for _, s := range r.ch.subs {
		heard = r.tellSubscriber(s) || heard
	}
	for _, l := range r.ch.listeners {
		heard = r.tellListener(l) || heard
	}
	if heard {
		r.toldAt = time.Now()
	}
	r.base = r.end()
	r.news, r.texts = nil, nil // listeners have pieces of them
}

// tellSubscriber writes the news to a connection, as an answer that nobody
// asked for: a slow one that has too many of them waiting is cut off. It
// reports whether there was something new.
func (r *room) tellSubscriber(s *subscriber) bool {
	news := r.news[s.told-r.base:]
	s.told = r.end()
	if len(news) == 0 {
		return false
	}
	s.conn.Raw(news)
	return true
}

// tellListener leaves the news with a listener that wants them, and reports
// whether there was something new.
func (r *room) tellListener(l *Listener) bool {
	if !l.opts.Presence || l.told == r.end() {
		return false
	}
	for _, t := range r.texts {
		if t.start >= l.told {
			l.hear(r.news[t.start-r.base : t.end-r.base : t.end-r.base])
		}
	}
	l.told = r.end()
	l.wakeUp()
	return true
}
