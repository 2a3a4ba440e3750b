// Package transport is what the gateway's entrances share: which requests may
// come in at all ([Guard]), whose they are ([Guard.ClientAddr]), who may read
// what ([MayRead]), the one table from errors to HTTP statuses and close codes
// ([ErrorFrom], [Answer]), the bounds ([Limits]), publishing ([Sender]), and
// the [Route] from one URL to the entrance a request is meant for.
//
// The entrances are packages of their own: ws for WebSockets, longpoll for
// exchanges of frames by POST, legacy for the seed's polling clients.
package transport
