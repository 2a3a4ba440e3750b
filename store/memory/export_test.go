package memory

// BytesHeld counts the bytes of texts and ids that s holds.
func BytesHeld(s *Store) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, ch := range s.channels {
		for _, k := range ch.kept {
			n += len(k.message.Text)
		}
		for _, r := range ch.recent {
			n += len(r.id)
		}
	}
	return n
}
