package main

import (
	"time"

	"github.com/commchannel/gateway/internal/bench"
)

// A scenario is a load, and what is told of it.
type scenario struct {
	key      string
	longPoll bool
	load     bench.Options // without what depends on the server and on how long
	columns  []column
}

// A column is a figure that a scenario gives.
type column struct {
	title  string // with its unit
	digits int    // behind the point
	value  func(r *bench.Result) float64
}

func (s scenario) name() string { return s.key }

// settled is how long connections rest before what they need is read.
const settled = 3 * time.Second

// scenarios are told of in docs/performance.md, by their titles.
func scenarios() []scenario {
	delivery := func(title string) []column {
		return []column{{title + ", µs", 2, (*bench.Result).DeliveryCPU}}
	}
	return []scenario{
		{key: "steady", columns: delivery("steady"), load: bench.Options{Subscribers: 1000, Rate: 100}},
		{key: "saturated", columns: delivery("saturated"), load: bench.Options{Subscribers: 1000}},
		{key: "idle", load: bench.Options{Subscribers: 5000, Idle: true, Settle: settled}, columns: []column{
			{"idle, bytes", 0, func(r *bench.Result) float64 { return float64(r.MemoryPerConnection()) }},
			{"connect, µs", 0, (*bench.Result).ConnectCPUEach},
		}},
		{key: "channels", columns: delivery("channels"), load: bench.Options{Subscribers: 5000, Channels: 1000, Rate: 2000}},
		{key: "large", columns: delivery("large"), load: bench.Options{Subscribers: 100, Size: 16 << 10}},
		{key: "longpoll", columns: delivery("long-poll"), load: bench.Options{Subscribers: 500, Rate: 20}, longPoll: true},
	}
}
