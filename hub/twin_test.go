package hub

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

// A packFake is a fakeCodec whose Pack makes frames that can be told from
// others, and counts them.
type packFake struct {
	fakeCodec
	packed *atomic.Int64
}

var packMark = []byte(`,"packed":1}`)

func (c packFake) Pack(dst, text []byte) []byte {
	c.packed.Add(1)
	return c.Frame(dst, append(bytes.TrimSuffix(text, []byte("}")), packMark...))
}

func newPacker(t *testing.T, h *Hub, clientID string) *peer {
	t.Helper()
	p := newPeer(t, h, clientID)
	p.conn.Pack()
	return p
}

// packs counts the compressed frames that p was sent.
func (p *peer) packs() int {
	p.sink.mu.Lock()
	defer p.sink.mu.Unlock()
	return bytes.Count(p.sink.bytes, packMark)
}

func TestFramesArePackedOnceForAll(t *testing.T) {
	packed := new(atomic.Int64)
	h := newHub(t, &fakeStore{}, func(c *Config) { c.Codec = packFake{packed: packed} })
	plain, own := newPeer(t, h, "plain"), newPacker(t, h, "bob")
	plain.subscribe(protocol.ClientFrame{})
	publish(t, h, "bob", "a", "b")
	plain.wantMessages("a", "b")
	if n := packed.Load(); n != 0 {
		t.Errorf("nobody wants it: got %d frames packed", n)
	}

	own.subscribe(protocol.ClientFrame{})
	one, two := newPacker(t, h, "one"), newPacker(t, h, "two")
	one.subscribe(protocol.ClientFrame{Since: cursorOf(1)}) // before it came, frames were not packed
	two.subscribe(protocol.ClientFrame{})
	publish(t, h, "bob", "c")
	publish(t, h, "eve", "d")
	plain.wantMessages("c", "d")
	one.wantMessages("b", "c", "d")
	two.wantMessages("c", "d")
	own.wantMessages("d")
	if n := packed.Load(); n != 2 {
		t.Errorf("2 messages for 3 readers: got %d frames packed", n)
	}
	late := newPacker(t, h, "late")
	late.subscribe(protocol.ClientFrame{History: 3})
	late.wantMessages("b", "c", "d")
	back := newPacker(t, h, "bob")
	back.subscribe(protocol.ClientFrame{Since: cursorOf(1)})
	back.wantMessages("d") // and not one's own, packed or not
	for p, want := range map[*peer]int{plain: 0, one: 2, two: 2, own: 1, late: 2, back: 1} {
		if got := p.packs(); got != want {
			t.Errorf("%s: got %d packed frames, want %d", p.conn.clientID, got, want)
		}
	}

	for _, p := range []*peer{own, one, two, late, back} {
		p.conn.Close()
	}
	publish(t, h, "eve", "e")
	plain.wantMessages("e")
	if n := packed.Load(); n != 2 {
		t.Errorf("nobody wants it any more: got %d more frames packed", n-2)
	}
}

func TestPackerThatLagsIsCutOff(t *testing.T) {
	h := newHub(t, &fakeStore{}, func(c *Config) {
		c.Codec = packFake{packed: new(atomic.Int64)}
		c.Lag = 1000
	})
	slow, quick := newPacker(t, h, "slow"), newPacker(t, h, "quick")
	slow.subscribe(protocol.ClientFrame{})
	quick.subscribe(protocol.ClientFrame{})
	unblock := slow.sink.block()
	for range 20 {
		publish(t, h, "bob", "m")
		quick.wantMessages("m")
	}
	unblock()
	for f := slow.next(); f.Op != "close"; f = slow.next() {
		if f.Op != protocol.OpMessage {
			t.Fatalf("got %s", f.Append(nil))
		}
	}
}
