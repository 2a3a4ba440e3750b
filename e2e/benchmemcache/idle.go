package main

import (
	"context"
	"fmt"
	"time"
)

const (
	idleTime     = 5 * time.Second
	idleChannels = 64
)

// idleClients are the numbers of clients. What one of them costs is the
// difference.
var idleClients = [...]int{10, 1000}

// idle measures what clients cost that follow channels in which nothing
// happens.
func (b *bench) idle(ctx context.Context) error {
	var rates [len(idleClients)]float64
	for i, clients := range idleClients {
		cost, err := b.idleWith(ctx, clients)
		if err != nil {
			return fmt.Errorf("%d idle clients: %w", clients, err)
		}
		b.out.idle("the gateway, watch", clients, idleChannels, cost)
		rates[i] = cost.gets
	}
	added := max(0, (rates[1]-rates[0])/float64(idleClients[1]-idleClients[0]))
	b.out.idleNote(fmt.Sprintf("Each of the gateway's clients beyond the first %d adds %.3f gets a second.", idleClients[0], added))
	return ctx.Err()
}

func (b *bench) idleWith(ctx context.Context, clients int) (cost, error) {
	s, err := startServers(ctx, b.gateway, modes[0])
	if err != nil {
		return cost{}, err
	}
	defer s.stop()
	if err := s.fill(idleChannels); err != nil {
		return cost{}, err
	}
	r := newReaders(0)
	defer r.close()
	for range clients {
		// Each follows them all: what is measured is the clients, not the channels.
		if err := r.connect(ctx, s.addr, idleNames()); err != nil {
			return cost{}, err
		}
	}
	r.listen(ctx)
	sleep(ctx, warmUp)
	before := s.usage()
	sleep(ctx, idleTime)
	return s.usage().since(before), nil
}

func idleNames() []string {
	names := make([]string, idleChannels)
	for i := range names {
		names[i] = channelName(i)
	}
	return names
}
