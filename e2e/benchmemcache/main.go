// Command benchmemcache measures how long a message takes from PHP, over memcached, to
// a WebSocket, at more and more followed channels: where the gateway may watch
// memcached, where it has to poll, and with the log layout; beside the seed's
// polling. It also tells what that costs the gateway, memcached, the readers and
// PHP, and how many messages a second are published with the log layout.
//
//	go run ./e2e/benchmemcache
//
// in the folder of go.mod. It needs memcached and PHP with the extension
// memcache, starts all servers itself on free ports of the loopback address,
// and takes about three minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options say how much to measure.
type options struct {
	seconds int // of sending, for each row
	rate    int // messages a second, over all channels
}

// followed are the channels of the rows.
var followed = [...]int{1, 100, 1000, 10_000}

func main() {
	var o options
	flag.IntVar(&o.seconds, "seconds", 8, "seconds of sending for each row, at least 2")
	flag.IntVar(&o.rate, "rate", 50, "messages a second, over all channels")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "benchmemcache:", err)
		stop()
		os.Exit(1)
	}
}

// A mode is how messages get into memcached, and out of it.
type mode struct {
	name      string
	memcached []string // arguments
	query     string   // of the store's URL
	layout    string   // as writer.php calls it
	state     string   // how the gateway says that it follows memcached; empty: any
}

// modes are what is measured. The first is the one the idle clients are at.
var modes = [...]mode{
	{name: "watch", layout: "legacy", state: "watch"},
	{name: "poll (memcached -W)", memcached: []string{"-W"}, layout: "legacy", state: "poll"},
	{name: "log layout", query: "?layout=log", layout: "log"},
}

func measure(ctx context.Context, o options) error {
	if o.seconds < 2 || o.rate < 1 {
		return errors.New("-seconds is 2 at least, and -rate 1")
	}
	if _, err := os.Stat("e2e/php/legacy/load.php"); err != nil {
		return fmt.Errorf("start it in the folder of go.mod: %w", err)
	}
	folder, err := os.MkdirTemp("", "benchmemcache-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b := &bench{options: o, gateway: filepath.Join(folder, "gateway"), out: newReport(os.Stdout)}
	if err := build(ctx, b.gateway); err != nil {
		return err
	}
	b.out.machine(ctx)
	var faults []error
	for _, m := range modes {
		faults = append(faults, b.mode(ctx, m))
		if ctx.Err() != nil {
			return ctx.Err() // asked to end
		}
	}
	faults = append(faults, b.seed(ctx), b.idle(ctx), b.publish(ctx))
	b.out.end(o)
	return errors.Join(faults...)
}

// A bench is one run of all.
type bench struct {
	options
	gateway string // the binary
	out     *report
}

// mode measures a mode at each number of followed channels.
func (b *bench) mode(ctx context.Context, m mode) error {
	if why := b.missing(ctx, m); why != "" {
		b.out.note(m.name + ": not measured: " + why)
		return nil
	}
	for _, channels := range followed {
		r, err := b.row(ctx, m, channels)
		if err != nil {
			return fmt.Errorf("%s, %d channels: %w", m.name, channels, err)
		}
		b.out.row(r)
		if r.lost > 0 {
			return fmt.Errorf("%s, %d channels: %d messages did not come", m.name, channels, r.lost)
		}
	}
	return nil
}

// missing is why a mode can't be measured, or "".
func (b *bench) missing(ctx context.Context, m mode) string {
	if m.layout != "log" {
		return ""
	}
	if _, err := os.Stat("client-php/src/LogCommStore.php"); err != nil {
		return "there is no LogCommStore for PHP"
	}
	if !accepts(ctx, b.gateway, "memcache://127.0.0.1:1"+m.query) {
		return "the gateway does not take a store with " + m.query
	}
	return ""
}

// warmUp is how long after the last subscription nothing is measured, and how
// long before the first message that counts others are sent.
const warmUp = time.Second

func (b *bench) row(ctx context.Context, m mode, channels int) (row, error) {
	s, err := startServers(ctx, b.gateway, m)
	if err != nil {
		return row{}, err
	}
	defer s.stop()
	if m.layout == "legacy" {
		if err := s.fill(channels); err != nil {
			return row{}, err
		}
	}
	readers, err := subscribe(ctx, s.addr, channels, b.warm())
	if err != nil {
		return row{}, err
	}
	defer readers.close()
	sleep(ctx, warmUp)
	if err := s.awaitState(ctx, m.state); err != nil {
		return row{}, err
	}
	before := s.usage()
	wrote, err := b.write(ctx, m.layout, s.memcached.addr, channels)
	if err != nil {
		return row{}, err
	}
	cost := s.usage().since(before)
	times, lost := readers.times(ctx, b.count())
	return row{name: m.name, channels: channels, times: times, lost: lost, sent: b.count(), wrote: wrote, cost: cost}, ctx.Err()
}

// warm is how many messages don't count, count how many there are in all.
func (b *bench) warm() int  { return b.rate }
func (b *bench) count() int { return b.rate * (b.seconds + 1) }

// sleep is for what only time brings: rest, and an interval to measure over.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
