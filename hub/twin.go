package hub

// A twin is a channel's log once more, with its frames compressed: each once,
// whoever gets it. It is there while somebody subscribed takes such frames,
// and has what came since the first of them did; what they are to get from
// before, they get as it stands in the channel's log. Its methods want the
// channel's mutex.
type twin struct {
	log     *log // nil while nobody wants it
	readers int
}

// enter counts a reader, who is to read on from at in the channel's log.
// It returns the reader's place in the twin, and the entries of the channel's
// log in front of that place.
func (t *twin) enter(l *log, at place) (place, []entry) {
	if t.readers++; t.log == nil {
		begun := newLog(l.bounds, "")
		t.log = &begun
	}
	wanted := l.after(at)
	there := min(len(wanted), len(t.log.kept()))
	p, _ := t.log.newest(there)
	return p, wanted[:len(wanted)-there]
}

func (t *twin) leave() {
	if t.readers--; t.readers == 0 {
		t.log = nil
	}
}

// head is how far the twin goes.
func (t *twin) head() int64 {
	if t.log == nil {
		return 0
	}
	return t.log.head().off
}

func (t *twin) newestSpan() span {
	if t.log == nil {
		return span{}
	}
	return t.log.newestSpan()
}

// copyTo appends entries' frames, but for those from whom leaves says, to dst.
func (l *log) copyTo(dst []byte, entries []entry, leaves func(from string) bool) []byte {
	for i := range entries {
		e := &entries[i]
		if !leaves(e.from) {
			frame, _ := l.placeAt(e.start).next(e.end)
			dst = append(dst, frame...)
		}
	}
	return dst
}
