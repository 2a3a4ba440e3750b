package mcwire

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
)

const (
	// maxStats bounds the lines of an answer to stats; 1.6 has below 100.
	maxStats = 1000
	// maxQuiet bounds the values of SetQuiet, in bytes.
	maxQuiet = 1 << 10
)

// Stats are some of the server's counters. What a server does not tell is 0,
// and its restart sets the counters back.
type Stats struct {
	Version string
	PID     uint64 // of the server's process: another one means a restart
	Uptime  uint64 // in seconds

	LogWorkerDropped  uint64 // events lost before they reached any watcher
	LogWatcherSkipped uint64 // events that some watcher was too slow for
	LogWatcherSent    uint64
	LogWatchers       uint64 // watchers now; not told by older servers

	Evictions     uint64 // items dropped for want of memory
	Flushes       uint64 // flush_all commands
	LimitMaxBytes uint64 // the memory for items
	ItemSizeMax   uint64 // of an item with its key and overhead, in bytes
}

// counter returns where a line of stats is kept, or nil.
func (s *Stats) counter(name string) *uint64 {
	switch name {
	case "pid":
		return &s.PID
	case "uptime":
		return &s.Uptime
	case "log_worker_dropped":
		return &s.LogWorkerDropped
	case "log_watcher_skipped":
		return &s.LogWatcherSkipped
	case "log_watcher_sent":
		return &s.LogWatcherSent
	case "log_watchers":
		return &s.LogWatchers
	case "evictions":
		return &s.Evictions
	case "cmd_flush":
		return &s.Flushes
	case "limit_maxbytes":
		return &s.LimitMaxBytes
	}
	return nil
}

// Stats asks for the counters, in two round trips.
func (c *Conn) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := c.exchange(ctx, "stats", func() error {
		err := c.stats("stats", func(name string, value []byte) {
			if at := s.counter(name); at != nil {
				*at, _ = number(value, math.MaxUint64)
			} else if name == "version" {
				s.Version = string(value)
			}
		})
		if err != nil {
			return err
		}
		// The settings name some things as the counters do: evictions are "on".
		return c.stats("stats settings", func(name string, value []byte) {
			if name == "item_size_max" {
				s.ItemSizeMax, _ = number(value, math.MaxUint64)
			}
		})
	})
	return s, err
}

func (c *Conn) stats(command string, keep func(name string, value []byte)) error {
	line, err := c.ask(command)
	for range maxStats {
		if err != nil {
			return err
		}
		if string(line) == "END" {
			return nil
		}
		rest, ok := bytes.CutPrefix(line, []byte("STAT "))
		if !ok {
			return surprise(line)
		}
		name, value, _ := bytes.Cut(rest, space)
		keep(string(name), value)
		line, err = c.line()
	}
	return fmt.Errorf("more than %d lines of stats: %w", maxStats, ErrProtocol)
}

// SetQuiet stores a value of at most 1 KiB for ttl seconds, and does not wait
// for it: nil says only that it was sent. The server tells of some failures
// nevertheless; these meet the next exchange, as ErrProtocol.
func (c *Conn) SetQuiet(ctx context.Context, key string, value []byte, ttl int32) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("mcwire: set: %w", err)
	}
	if len(value) > maxQuiet {
		return fmt.Errorf("mcwire: set: value of %d bytes, the most is %d", len(value), maxQuiet)
	}
	return c.exchange(ctx, "set", func() error {
		c.out = append(append(c.out, "set "...), key...)
		c.out = strconv.AppendInt(append(c.out, " 0 "...), int64(ttl), 10)
		c.out = strconv.AppendInt(append(c.out, ' '), int64(len(value)), 10)
		c.out = append(append(append(c.out, " noreply\r\n"...), value...), "\r\n"...)
		return c.send()
	})
}
