// Package hub fans messages out. Each channel in use has one goroutine that,
// on a hint of the store, reads everything after its place, encodes each
// message once and appends the bytes to the channel's log. A subscriber is a
// place in that log: to catch up after a reconnect and to listen live are the
// same code, and who is too slow is who fell too far behind the head.
//
// # The way of a message
//
//	store hint -> channel.catchUp: store.Read -> log.append -> sweep
//	sweep: for each subscriber, under its connection's lock:
//	       let it see up to the head, flush what the socket takes
//	socket full -> the connection is in state drain: one goroutine writes
//	       with a deadline until it has caught up
//
// Whoever does so has the channel's turn. That is its goroutine, woken by the
// hint; or, where the store is in this process and the subscribers are few,
// the publisher itself, without any wake-up. It may have delivered a message
// by the time that its Publish returns.
//
// A flush writes [place, head) straight from the shared segment: no queue, no
// copy and no allocation for a subscriber, and all that came since the last
// flush goes out in one system call.
//
// # Who is there
//
// Where presence is kept, a channel has a room, which counts each client's
// connections and long-polls, and writes "join" and "leave" as answers that
// nobody asked for: they are no messages, and in no log.
//
// # Locks
//
// In this order, never the other way: channel.turn, Hub.mu, channel.mu,
// Conn.mu; delay.mu last. None is held over a write that may wait, and none but
// the turn over a call of the store.
//
// The package knows neither HTTP nor WebSocket: a connection is a [Sink], and
// the bytes around a frame come from a [Codec].
package hub
