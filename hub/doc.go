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
// In this order, never the other way: Hub.mu, channel.mu, Conn.mu; delay.mu
// last. None is held over a call of the store or over a write that may wait.
//
// The package knows neither HTTP nor WebSocket: a connection is a [Sink], and
// the bytes around a frame come from a [Codec].
package hub
