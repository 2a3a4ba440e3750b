package memcache

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"sync"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/store"
)

// The flags that PHP's memcache extension gives to items.
const (
	flagsPlain = 0
	flagsZlib  = 2   // a bare zlib stream
	flagsFalse = 256 // boolean false, "0": left by a json_encode that failed
	flagsLock  = 768 // an integer
)

const (
	// maxText bounds a document's JSON, in bytes, also after inflating.
	maxText = 8 << 20
	// maxStored bounds a document as memcached gets it. Beyond 1 MiB with its
	// overhead memcached refuses a set and drops what it held.
	maxStored = 900 << 10
	// deflateAbove is the size in bytes from which on documents are written
	// compressed. Below, plain is cheaper for all: the writer holds the lock
	// for a shorter time, and every gateway that follows the channel reads
	// it without inflating. Above, what memcached takes becomes scarce.
	deflateAbove = 256 << 10
)

// unpack reads what memcached holds of a channel; item is nil on a miss. Its
// error is store.ErrTooLarge; or store.ErrForeign, such as for a value of
// another PHP extension or broken JSON. Messages for such a channel are refused,
// so that it is not overwritten; for readers it is empty.
func unpack(item *memcache.Item) (*document, error) {
	if item == nil || item.Flags == flagsFalse && string(item.Value) == "0" {
		return newDocument(), nil
	}
	text := item.Value
	switch item.Flags {
	case flagsPlain:
	case flagsZlib:
		var err error
		if text, err = inflate(text); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("memcache: %w: flags %d, %d bytes", store.ErrForeign, item.Flags, len(item.Value))
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("memcache: channel of %d bytes, the most is %d: %w", len(text), maxText, store.ErrTooLarge)
	}
	d, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("memcache: %w: %w", store.ErrForeign, err)
	}
	return d, nil
}

// inflate stops behind maxText: a small value may inflate to any size.
func inflate(packed []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("memcache: %w: %w", store.ErrForeign, err)
	}
	var text bytes.Buffer
	text.Grow(min(4*len(packed), maxText))
	if _, err := text.ReadFrom(io.LimitReader(r, maxText+1)); err != nil {
		return nil, fmt.Errorf("memcache: %w: %w", store.ErrForeign, err)
	}
	return text.Bytes(), nil
}

// A packer makes memcached's values of documents.
type packer struct {
	deflaters sync.Pool // of *zlib.Writer: one takes hundreds of kilobytes
}

// pack fills in value and flags. Its error is store.ErrTooLarge.
func (p *packer) pack(item *memcache.Item, text []byte) error {
	item.Value, item.Flags = text, flagsPlain
	if len(text) > deflateAbove && len(text) <= maxText {
		if packed := p.deflate(text); len(packed) < len(text) {
			item.Value, item.Flags = packed, flagsZlib
		}
	}
	if len(text) > maxText || len(item.Value) > maxStored {
		return fmt.Errorf("memcache: channel of %d bytes, %d to store, the most is %d and %d: %w",
			len(text), len(item.Value), maxText, maxStored, store.ErrTooLarge)
	}
	return nil
}

func (p *packer) deflate(text []byte) []byte {
	var out bytes.Buffer
	w, ok := p.deflaters.Get().(*zlib.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = zlib.NewWriterLevel(&out, zlib.BestSpeed) // the level is a valid one
	}
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	p.deflaters.Put(w)
	return out.Bytes()
}
