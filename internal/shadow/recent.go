package shadow

// recent knows the last ones that were added, up to remembered.
type recent[T comparable] struct {
	known map[T]int // how often
	ring  []T
	next  int
}

func (r *recent[T]) has(v T) bool { return r.known[v] > 0 }

func (r *recent[T]) add(v T) {
	if r.known == nil {
		r.known = make(map[T]int)
	}
	if len(r.ring) < remembered {
		r.ring = append(r.ring, v)
	} else {
		old := r.ring[r.next]
		if r.known[old]--; r.known[old] == 0 {
			delete(r.known, old)
		}
		r.ring[r.next] = v
		r.next = (r.next + 1) % remembered
	}
	r.known[v]++
}
