// Package protocol holds what goes over the wire between the gateway and its
// clients: frames, names, cursors, error codes and close codes. It imports
// nothing but the standard library, so that a client can use it without
// linking a server.
//
// # The flow
//
// A client opens a WebSocket, or posts arrays of frames to the same URL, and
// says who it is:
//
//	-> {"op":"hello","clientid":"alice"}
//	<- {"op":"welcome","clientid":"alice","version":1,"ping":25,"max_message":65536}
//
// It subscribes to channels. The answer comes before the channel's first
// message and tells from which place on messages follow; "since" resumes at
// a place seen earlier:
//
//	-> {"op":"subscribe","ref":1,"channel":"room","since":"<cursor>"}
//	<- {"op":"subscribed","ref":1,"channel":"room","cursor":"<cursor>","recovered":true}
//	<- {"op":"message","channel":"room","cursor":"...","id":"...","type":"msg","from":"bob","payload":"hi","time":1795389286619}
//
// It sends. The acknowledgement comes once the store has the message:
//
//	-> {"op":"send","ref":2,"channel":"room","type":"msg","payload":{"any":"JSON"}}
//	<- {"op":"sent","ref":2,"channel":"room","id":"...","cursor":"..."}
//
// When messages may be missing between the last one and the next, the stream
// says so:
//
//	<- {"op":"gap","channel":"room","cursor":"..."}
//
// and when the gateway goes away, it says goodbye and when to come back:
//
//	<- {"op":"bye","reason":"draining","retry":1500}
//
// Every request may carry a "ref", which comes back in its answer; a request
// without one is not acknowledged, but its failure is told. Unknown fields are
// ignored on both sides. docs/protocol.md tells the whole of it, the long-poll
// and the seed's polling clients included.
//
// # Order and recovery
//
// A channel has one order, its store's. A [Cursor] names a place in it; every
// node of a deployment gives the same message the same cursor. Whoever keeps
// the cursor of the last message seen can come back with it, over any
// transport, and gets what followed or is told of a gap.
package protocol
