package commchannel_test

import (
	"flag"
	"fmt"
	"log"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// memcached is host:port of a real one, for the examples, too.
var memcached string

func TestMain(m *testing.M) {
	flag.Parse()
	var s setup
	memcached = memcachedtest.Start(&s).Addr
	code := m.Run()
	s.end()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// setup is what memcachedtest.Start takes where there is no test yet.
type setup struct {
	testing.TB
	cleanups []func()
}

func (*setup) Helper()                           {}
func (s *setup) Cleanup(f func())                { s.cleanups = append(s.cleanups, f) }
func (*setup) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

func (*setup) Skipf(format string, args ...any) {
	fmt.Printf("skipped: "+format+"\n", args...)
	os.Exit(0)
}

func (s *setup) end() {
	for _, f := range s.cleanups {
		f()
	}
}
