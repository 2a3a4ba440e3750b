// Command benchpeers measures the gateway beside other servers that push, and
// beside the least that any of them has to do: the same load, made and checked
// by the same clients, on the same machine, in turn.
//
//	go run ./e2e/benchpeers
//
// in the folder of go.mod. It starts every server itself, on free ports of the
// loopback address, and ends it by its process id. What it needs beside Go is
// installed by "scripts/test-deps peers"; a server that is not there is left
// out. A whole run takes about a quarter of an hour, and writes the tables of
// docs/performance.md; one of a part only prints them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options say how much to measure.
type options struct {
	scenarios string // keys, separated by commas; "": all
	peers     string // likewise
	rounds    int
	seconds   int    // of publishing, each time
	document  string // where a whole run writes its tables; "": nowhere
}

func main() {
	var o options
	flag.StringVar(&o.scenarios, "scenario", "", "scenarios, separated by commas, of "+keys(scenarios(), scenario.name))
	flag.StringVar(&o.peers, "peer", "", "servers, separated by commas, of "+keys(peers(), peer.name))
	flag.IntVar(&o.rounds, "rounds", 3, "how often each is measured")
	flag.IntVar(&o.seconds, "seconds", 4, "seconds of publishing, each time")
	flag.StringVar(&o.document, "document", "docs/performance.md", "file into which a whole run writes its tables")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		stop()
		os.Exit(1)
	}
}

func keys[T any](all []T, key func(T) string) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = key(one)
	}
	return strings.Join(names, ", ")
}

// choose returns those of all that are asked for, in all's order.
func choose[T any](all []T, key func(T) string, wanted string) ([]T, error) {
	if wanted == "" {
		return all, nil
	}
	names := strings.Split(wanted, ",")
	chosen := slices.DeleteFunc(slices.Clone(all), func(one T) bool { return !slices.Contains(names, key(one)) })
	if len(chosen) != len(names) {
		return nil, fmt.Errorf("%q: there are %s", wanted, keys(all, key))
	}
	return chosen, nil
}

func measure(ctx context.Context, o options) error {
	if o.rounds < 1 || o.seconds < 1 {
		return errors.New("-rounds and -seconds are 1 at least")
	}
	if _, err := os.Stat("e2e/benchpeers/peers/go.mod"); err != nil {
		return fmt.Errorf("start it in the folder of go.mod: %w", err)
	}
	chosen, err := choose(scenarios(), scenario.name, o.scenarios)
	if err != nil {
		return err
	}
	servers, err := choose(peers(), peer.name, o.peers)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "benchpeers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	m := &series{options: o, folder: folder, scenarios: chosen, figures: make(map[cell][]float64), generator: make(map[string]spread)}
	begin := time.Now()
	if err := m.prepare(ctx, servers); err != nil {
		return err
	}
	faults := m.all(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // asked to end
	}
	tables := m.tables()
	fmt.Printf("\n%s\nIt took %v.\n", tables, time.Since(begin).Round(time.Second))
	if o.scenarios == "" && o.peers == "" && o.document != "" && faults == nil {
		faults = rewrite(o.document, tables)
	}
	return faults
}
