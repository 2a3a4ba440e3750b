// Package clientjs holds the files of the JavaScript client that a gateway
// serves: the client's scripts and the demo page.
package clientjs

import "embed"

// Files has two folders, whose files are served side by side: dist, with
// channelclient.js (a classic script) and channelclient.mjs (an ES module),
// and demo, with index.html and what it loads.
//
//go:embed demo dist/channelclient.js dist/channelclient.mjs
var Files embed.FS
