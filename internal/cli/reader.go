package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// errUnread tells that nobody reads the output any more.
var errUnread = errors.New("cli: the output is not read any more")

// A reader is who reads the output.
type reader struct{ io.Writer }

func (r reader) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = errUnread
	}
	return n, err
}

// outliveReaders keeps the process from being killed when it writes to a pipe
// that nobody reads, until the function it returns is called: the write fails,
// and the command ends in its own way.
func outliveReaders() (end func()) {
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	return func() { signal.Stop(pipes) }
}

// whileRead is ctx until nobody reads the output any more, so that what prints
// on and on ends with its reader and not with its next line. stop ends the
// watch.
func (s *session) whileRead(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	file, ok := s.out.(reader).Writer.(*os.File)
	if !ok {
		return ctx, func() { cancel(nil) }
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		if awaitUnread(ctx, file) {
			cancel(errUnread)
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
	}
}
