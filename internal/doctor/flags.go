package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/commchannel/gateway/store/mcwire"
)

const (
	mostListed = 200_000 // items of a server that is asked for its keys
	mostLooked = 2000    // channels
)

// lookAtChannels counts channels by the flags of their items, which tell who
// wrote them and how.
func (x *exam) lookAtChannels(ctx context.Context, m *memcached) finding {
	if n := number(m.counters, "curr_items"); n > mostListed {
		return finding{Skipped, fmt.Sprintf("with %d items it is not asked for its keys; look at single channels by \"gateway inspect\"", n), ""}
	}
	keys, err := m.channels(ctx, x.o.Store.IsChannel)
	if err != nil {
		return finding{Skipped, "it does not list its keys: " + explain(err), ""}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == x.o.Store.Key(x.channel) })
	if x.o.Store.Flags == nil || len(keys) == 0 {
		return finding{OK, counted(len(keys), "channel"), ""}
	}
	items, err := m.look(ctx, keys[:min(len(keys), mostLooked)]...)
	if err != nil {
		return finding{Fail, explain(err), "look at the server"}
	}
	return judgeFlags(items, x.o.Store.Flags)
}

func (m *memcached) channels(ctx context.Context, is func(string) bool) (keys []string, err error) {
	conn, err := mcwire.Dial(ctx, m.addr, mcwire.Config{Timeout: storeTimeout})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	err = conn.Keys(ctx, func(key []byte) {
		if is(string(key)) {
			keys = append(keys, string(key))
		}
	})
	return keys, err
}

func judgeFlags(items []mcwire.Item, known map[uint32]string) finding {
	readable, foreign := make(map[string]int), make(map[uint32]string)
	count := 0
	for _, it := range items {
		if !it.Found {
			continue // it has ended meanwhile
		}
		count++
		if name, ok := known[it.Flags]; ok {
			readable[name]++
		} else {
			foreign[it.Flags] = it.Key
		}
	}
	var parts []string
	for name, n := range readable {
		parts = append(parts, fmt.Sprintf("%d %s", n, name))
	}
	slices.Sort(parts)
	text := strings.Join(append([]string{counted(count, "channel")}, parts...), ", ")
	if len(foreign) == 0 {
		return finding{OK, text, ""}
	}
	parts = nil
	for flags, key := range foreign {
		parts = append(parts, fmt.Sprintf("%s with the flags %d", quote(key), flags))
	}
	slices.Sort(parts)
	return finding{Fail, fmt.Sprintf("%s; gateways can't read %s", text, quote(strings.Join(parts, ", "))),
		"look at such a channel by \"gateway inspect\": a PHP process of another extension, or a message that was no UTF-8, may have written it"}
}
