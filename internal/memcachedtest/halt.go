package memcachedtest

import "testing"

// Halt is Pause, and returns only when no thread of the process runs any
// more: a signal alone may take its time, and the server may still answer.
func (s *Server) Halt(t testing.TB) {
	t.Helper()
	s.Pause(t)
	if err := awaitStop(s.cmd.Process.Pid); err != nil {
		t.Fatalf("memcached does not stop: %v", err)
	}
}
