// Command gateway pushes the messages of CommChannel channels to browsers and
// programs. It ends on SIGTERM or SIGINT after its clients were sent away, and
// at a second signal at once.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/commchannel/gateway/internal/gateway"
)

func main() {
	err := gateway.Command(version(), os.Environ()).ExecuteContext(untilSignal())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(gateway.ExitCode(err))
}

// untilSignal ends with the first signal. From then on signals have their
// usual effect.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// version is the module's, or else the commit's that the program was built
// from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	version, dirty := "devel", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			version = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return version + dirty
}
