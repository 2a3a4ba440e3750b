package memlog

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sort"
)

// A ring tells which server keeps a channel, as libmemcached does with
// MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, and so PHP's memcached extension with
// OPT_LIBKETAMA_COMPATIBLE. Each server has about 160 points on a circle of
// 2^32; a channel belongs to the first one at or behind its hash.
type ring struct {
	points []point // sorted
}

type point struct {
	at     uint32
	server int
}

const (
	pointsPerServer = 160
	pointsPerHash   = 4
)

// newRing takes addresses host:port. The hosts must be written as in PHP: the
// points hang on the words, not on what they mean.
func newRing(addrs []string) (ring, error) {
	var r ring
	if len(addrs) == 1 {
		return ring{points: []point{{}}}, nil
	}
	hashes := hashesPerServer(len(addrs))
	for i, addr := range addrs {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return ring{}, err
		}
		label := host // libmemcached leaves its default port out
		if port != defaultPort {
			label = host + ":" + port
		}
		for h := range hashes {
			sum := md5.Sum(fmt.Appendf(nil, "%s-%d", label, h))
			for part := range pointsPerHash {
				r.points = append(r.points, point{binary.LittleEndian.Uint32(sum[4*part:]), i})
			}
		}
	}
	slices.SortStableFunc(r.points, func(a, b point) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	return r, nil
}

// hashesPerServer is how many hashes libmemcached makes for each of n equal
// servers: 40, or 39 where its single-precision arithmetic ends below.
func hashesPerServer(n int) int {
	share := 1 / float32(n)
	points := share * pointsPerServer / pointsPerHash * float32(n)
	return int(float32(float64(points) + 0.0000000001))
}

// server is the index of the server for a channel's name as keys hold it.
func (r ring) server(name string) int {
	if len(r.points) == 1 {
		return r.points[0].server
	}
	sum := md5.Sum([]byte(name))
	at := binary.LittleEndian.Uint32(sum[:])
	i := sort.Search(len(r.points), func(i int) bool { return r.points[i].at >= at })
	return r.points[i%len(r.points)].server
}
