package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	seedPause   = 500 * time.Millisecond // between an answer and the next poll
	seedPollers = 5                      // pages; their polls are spread over the pause
	seedRate    = 10                     // messages a second: the seed reads its channel anew for each
)

// seed measures the seed's own way: pages that ask channel.php twice a second.
// Every page gets every message.
func (b *bench) seed(ctx context.Context) error {
	memcached, err := startMemcached(ctx, nil)
	if err != nil {
		return err
	}
	s := &servers{memcached: memcached}
	defer s.memcached.stop()
	_, port, _ := strings.Cut(memcached.addr, ":")
	if s.gateway, err = start(ctx, func(addr string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "php", "-S", addr, "-t", "e2e/php/legacy")
		cmd.Env = append(os.Environ(), "MEMCACHED_PORT="+port)
		return cmd
	}); err != nil {
		return err
	}
	defer s.gateway.stop()
	if err := s.fill(1); err != nil {
		return err
	}
	p := startPages(ctx, "http://"+s.gateway.addr+"/channel.php")
	defer p.stop()
	sleep(ctx, warmUp)
	return b.measureSeed(ctx, s, p)
}

func (b *bench) measureSeed(ctx context.Context, s *servers, p *pages) error {
	before := s.usage()
	sleep(ctx, idleTime)
	b.out.idle("the seed's pages, idle", seedPollers, 1, s.usage().since(before))
	before = s.usage()
	count := seedRate * (b.seconds + 1)
	wrote, err := writePHP(ctx, "legacy", s.memcached.addr, 1, count, seedRate)
	if err != nil {
		return err
	}
	cost := s.usage().since(before)
	var times []time.Duration
	lost := 0
	for _, r := range p.readers {
		heard, missed := r.times(ctx, count)
		times, lost = append(times, heard...), lost+missed
	}
	b.out.row(row{name: "the seed, polling", channels: 1, times: times, lost: lost, sent: count, wrote: wrote, cost: cost})
	if lost > 0 {
		return fmt.Errorf("the seed's pages: %d messages did not come", lost)
	}
	return ctx.Err()
}

// pages are polling clients of the seed.
type pages struct {
	readers []*readers
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func startPages(ctx context.Context, url string) *pages {
	p := &pages{}
	ctx, p.cancel = context.WithCancel(ctx)
	for i := range seedPollers {
		r := newReaders(seedRate)
		p.readers = append(p.readers, r)
		p.done.Go(func() {
			sleep(ctx, time.Duration(i)*seedPause/seedPollers)
			for ; ctx.Err() == nil; sleep(ctx, seedPause) {
				poll(ctx, fmt.Sprintf("%s?channelid=%s&clientid=%d", url, channelName(0), i+1), r)
			}
		})
	}
	return p
}

func (p *pages) stop() {
	p.cancel()
	p.done.Wait()
}

// poll is one poll. What a poll that fails would have brought, the next one
// brings, or it is missed in the end.
func poll(ctx context.Context, url string, r *readers) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	var texts []string
	if json.NewDecoder(resp.Body).Decode(&texts) != nil {
		return
	}
	for _, text := range texts {
		var m struct{ Msg string }
		if json.Unmarshal([]byte(text), &m) == nil {
			r.take(m.Msg)
		}
	}
}
