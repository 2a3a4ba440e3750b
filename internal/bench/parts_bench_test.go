package bench

import (
	"bytes"
	"cmp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkConnectionParts tells what the heap holds for each idle WebSocket
// of the gateway, by the function that made it. A part of less than 8 bytes is
// among "others"; what the clients hold, which are in this process, too, is
// not told.
func BenchmarkConnectionParts(b *testing.B) {
	before := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = before }()
	url := startGateway(b)
	const connections = 1000
	for b.Loop() {
		start := heapParts()
		var once sync.Once
		parts := map[string]float64{}
		_, err := Run(b.Context(), Options{
			URL: url, Subscribers: connections, Idle: true, Settle: time.Second,
			Progress: writerFunc(func(p []byte) {
				if !bytes.Contains(p, []byte("at rest")) {
					return
				}
				once.Do(func() {
					for name, bytes := range heapParts() {
						parts[name] = float64(bytes-start[name]) / connections
					}
				})
			}),
		})
		if err != nil {
			b.Fatal(err)
		}
		report(b, parts)
	}
}

func report(b *testing.B, parts map[string]float64) {
	all, others := 0.0, 0.0
	for name, bytes := range parts {
		all += bytes
		if bytes < 8 {
			others += bytes
			continue
		}
		b.ReportMetric(bytes, "B:"+name)
	}
	b.ReportMetric(others, "B:others")
	b.ReportMetric(all, "B:all")
}

// heapParts is what is in use, in bytes, by the first function on the way to
// it that is not the runtime's.
func heapParts() map[string]int64 {
	for range 3 {
		runtime.GC() // what a finalizer keeps goes with the second one; the profile is one behind
	}
	records := make([]runtime.MemProfileRecord, 1<<16)
	n, _ := runtime.MemProfile(records, false)
	parts := make(map[string]int64)
	for _, r := range records[:n] {
		if name, ours := maker(r.Stack()); ours {
			parts[name] += r.InUseBytes()
		}
	}
	return parts
}

// maker is who made a part; false: the clients, which are here as well.
func maker(stack []uintptr) (name string, ours bool) {
	for frames := runtime.CallersFrames(stack); ; {
		f, more := frames.Next()
		if name == "" && !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "internal/") {
			name = f.Function[strings.LastIndexByte(f.Function, '/')+1:]
		}
		if strings.Contains(f.File, "/internal/bench/") && !strings.HasSuffix(f.File, "_test.go") {
			return "", false
		}
		if !more {
			return cmp.Or(name, "runtime"), true
		}
	}
}
