package gateway

import (
	"context"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

func TestGOGCIsLeftAlone(t *testing.T) {
	if keepsHeap([]string{"HOME=/", "GOGC=200"}) {
		t.Error("GOGC is set: the heap is not the gateway's to keep")
	}
	if !keepsHeap([]string{"HOME=/", "GOGCX=200"}) {
		t.Error("GOGC is not set: the heap is the gateway's to keep")
	}
}

func TestHeapMayGrow(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		live uint64
		want int
	}{{0, 400}, {2 * mib, 400}, {4 * mib, 400}, {8 * mib, 200}, {16 * mib, 100}, {32 * mib, 50}, {33 * mib, 50}, {8 << 30, 50}} {
		if got := growth(tt.live); got != tt.want {
			t.Errorf("with %d bytes in use: got %d %%, want %d %%", tt.live, got, tt.want)
		}
	}
}

var kept []byte // on the heap

// TestCalmHeapIsGivenBack: what was used for a while is garbage, and then
// nobody's.
func TestCalmHeapIsGivenBack(t *testing.T) {
	original := debug.SetGCPercent(100)
	defer debug.SetGCPercent(original)
	_, before := heap()
	for range 64 { // more than is cleaned up for
		kept = make([]byte, 1<<20)
	}
	kept = nil
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	collected := stats.NumGC
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { keepHeap(ctx) })
	defer keeping.Wait()
	defer stop()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		debug.ReadGCStats(&stats)
		live, after := heap()
		if stats.NumGC > collected && live < 64<<20 && after-before >= 64<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was collected; %d bytes are in use", live)
		}
	}
}
