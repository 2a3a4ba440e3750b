// Package e2e has tests alone: the built gateway as a child process, with a
// real memcached, PHP with the seed's library and with ours, a WebSocket client
// that is not ours (the npm package ws, in node), and Chromium.
//
// What networks do to pages, a proxy of ours does (faultproxy_test.go), while
// the page and somebody else talk; how long a page took to be back is logged.
//
// Every server is on a free port of the loopback address and ends with its
// test, by its own process id. Nothing here waits for a time to pass: tests
// wait for lines, frames and messages, and fail when they don't come within
// patience. What the children wrote is shown where a test fails, and
//
//	go test -race -artifacts -outputdir /some/folder -v ./e2e
//
// keeps the screenshots, and says where.
package e2e
