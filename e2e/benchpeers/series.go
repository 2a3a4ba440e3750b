package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/commchannel/gateway/internal/bench"
)

// A series is one run of all.
type series struct {
	options
	folder    string // for binaries and configuration
	scenarios []scenario
	ready     []ready
	notes     []string

	figures   map[cell][]float64 // one for each round
	generator map[string]spread  // µs a delivery, by scenario
	kernel    bench.Kernel       // what the connections of the gateway took, each
}

// A ready is a peer that can be started.
type ready struct {
	peer
	version string
}

// A cell is one figure of the table.
type cell struct{ peer, title string }

// A spread is the least and the greatest of some figures.
type spread struct{ least, most float64 }

// prepare makes the servers ready. One that can't be had is left out, with a
// note.
func (m *series) prepare(ctx context.Context, all []peer) error {
	for _, p := range all {
		version, err := p.prepare(ctx, m.folder)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.notes = append(m.notes, fmt.Sprintf("%s is not measured: %v", p.name(), err))
			fmt.Println(m.notes[len(m.notes)-1])
			continue
		}
		fmt.Printf("%s: %s\n", p.name(), version)
		m.ready = append(m.ready, ready{p, version})
	}
	if len(m.ready) == 0 {
		return errors.New("there is nothing to measure")
	}
	return nil
}

// all measures everything, round by round. In every round another server is
// the first, so that the machine's moods meet all alike.
func (m *series) all(ctx context.Context) error {
	var faults []error
	for round := range m.rounds {
		first := round % len(m.ready)
		order := slices.Concat(m.ready[first:], m.ready[:first])
		for _, s := range m.scenarios {
			for _, p := range order {
				err := m.one(ctx, round, s, p)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					err = fmt.Errorf("%s, %s: %w", s.key, p.name(), err)
					fmt.Println(err)
					faults = append(faults, err)
				}
			}
		}
	}
	return errors.Join(faults...)
}

// patience bounds one measurement, beside its publishing.
const patience = 3 * time.Minute

// one measures a scenario with a server that was just started.
func (m *series) one(ctx context.Context, round int, s scenario, p ready) error {
	o := s.load
	o.Duration = time.Duration(m.seconds) * time.Second
	ctx, cancel := context.WithTimeout(ctx, o.Duration+patience)
	defer cancel()
	server, err := p.start(ctx, m.folder, s.longPoll)
	if err != nil {
		return err
	}
	if server == nil {
		return nil // it has no such thing
	}
	defer server.stop()
	o.URL, o.PublishURL, o.Dialect, o.PIDs = server.url, server.publishURL, server.dialect, []int{server.cmd.Process.Pid}
	if s.longPoll {
		o.Transport = "longpoll"
	}
	if o.Settle == 0 {
		o.Settle = time.Second
	}
	r, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	m.keep(round, s, p, &r)
	return nil
}

func (m *series) keep(round int, s scenario, p ready, r *bench.Result) {
	line := fmt.Sprintf("round %d, %s, %s:", round+1, s.key, p.name())
	for _, c := range s.columns {
		value := c.value(r)
		at := cell{p.name(), c.title}
		m.figures[at] = append(m.figures[at], value)
		line += fmt.Sprintf(" %s: %.*f,", c.title, c.digits, value)
	}
	if !s.load.Idle {
		own := r.GeneratorCPUEach()
		m.noteGenerator(s.key, own)
		line += fmt.Sprintf(" %d delivered (%.0f/s), p99 %v, generator %.2f µs,", r.Delivered, float64(r.Delivered)/r.Elapsed.Seconds(),
			r.Latency.Quantile(0.99).Round(10*time.Microsecond), own)
	} else if p.name() == gatewayName {
		m.kernel = r.KernelEach()
	}
	fmt.Println(line[:len(line)-1])
}

func (m *series) noteGenerator(key string, own float64) {
	s, ok := m.generator[key]
	if !ok {
		s = spread{own, own}
	}
	m.generator[key] = spread{min(s.least, own), max(s.most, own)}
}
