// Package mcwire speaks what a gateway needs of memcached's text protocol and
// common clients lack: watch, conditional gets in pipelines, and stats.
//
// A [Conn] is one connection with one owner:
//
//	-> mg <key> v c f q O<index> C<last CAS>     one line per key
//	-> mn
//	<- VA <size> c<CAS> f<flags> O<index>        and a value that is new, or
//	<- HD c<CAS> f<flags> O<index>               where it is the one known;
//	<- MN                                        misses have no line
//
// Servers before 1.6.40 do not know C and send the value anyway, those before
// 1.6.10 say OK for HD, and those before 1.6.0 know no mn, or mean something
// else by it.
//
//	-> watch mutations
//	<- OK
//	<- ts=... gid=... type=item_store key=<percent-encoded> status=stored cmd=set ttl=30 clsid=1 cfd=29 size=140
//
// A line comes for every store command, also for one that failed, but for
// none of incr, decr, touch, gat, delete, flush_all, expiry and eviction.
// memcached drops lines in silence when it has many: they are hints, never
// the truth.
//
// Nothing that a server sends is trusted to be short, in order or to come at
// all. What is unexpected ends the connection.
package mcwire

import (
	"errors"
	"fmt"
)

// The errors of this package. Others are those of the network, os.ErrDeadlineExceeded
// among them, and of the context; all are wrapped, so compare with errors.Is.
// After any of them the connection is closed, unless it is said otherwise.
var (
	// ErrProtocol: the server sent what was not to be expected.
	ErrProtocol = errors.New("unexpected answer")
	// ErrNoMeta: the server knows no mg and mn, or not those of memcached
	// 1.6. The connection stays open for all else.
	ErrNoMeta = errors.New("no meta commands")
	// ErrKey: memcached takes no such key. Nothing was sent, and the
	// connection stays open.
	ErrKey = errors.New("not a key")
	// ErrWatchRefused: the server does not let us watch, or must not be
	// asked. Its words are in the text.
	ErrWatchRefused = errors.New("watch refused")
	// ErrTooManyWatchers: the server has all the watchers it takes, which is
	// 20. One that has gone may still count for a second.
	ErrTooManyWatchers = errors.New("too many watchers")
	// ErrSilent: no event came within the time given. The stream stays open.
	ErrSilent = errors.New("no event")
)

// maxKey is the longest key memcached takes, in bytes.
const maxKey = 250

func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("%w: %d bytes, 1 to %d are allowed", ErrKey, len(key), maxKey)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] == 0x7f {
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
	}
	return nil
}

// surprise is an ErrProtocol that quotes some of the server's words.
func surprise(words []byte) error {
	return fmt.Errorf("%w: %.80q", ErrProtocol, words)
}
