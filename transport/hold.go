package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// A Holder is a ResponseWriter whose handler may return before its request is
// answered, so that a request that waits needs no goroutine. What is written to
// it is sent once that is done, within a time that its server sets.
type Holder interface {
	http.ResponseWriter
	// Waker is what to call when the Held is to look for an answer. It does not
	// wait, takes no lock that is held over a call of a Held, and may be called
	// by anybody at any time, also before Hold and after the answer.
	Waker() func()
	// Repeat has h serve the next requests on the connection that are the same,
	// byte for byte, but for their bodies. What has looked at this one so far
	// need not look at them, and the header that it has set is theirs, too. Of
	// several calls the last one counts, but the header is the first one's. If h
	// is a Trier, its Try is called first.
	Repeat(h http.Handler)
	// Answer gives the whole answer: status 200, body, and a header as
	// SetAnswerHeader sets it. body is the caller's again.
	Answer(contentType string, body []byte)
	// Share is Answer for what other requests are answered with, too. It is
	// copied for none of them.
	Share(s *Shared)
	// Hold leaves the answer to h. The handler calls it last, once at most, and
	// nothing of the ResponseWriter after it; of the request it may keep what it
	// has read.
	Hold(h Held, atMost time.Duration)
}

// A Shared is one answer for many requests. It is not changed any more.
type Shared struct {
	ContentType string
	Body        []byte
	// Made is what a server has made of it. Others may do so at the same time.
	Made atomic.Value
}

// A Trier is a Handler that can serve many a request without waiting.
type Trier interface {
	http.Handler
	// Try serves r and reports true, or has done nothing. It must not wait:
	// other connections do.
	Try(w http.ResponseWriter, r *http.Request) bool
}

// A Held is a request that waits. Its methods are called one at a time.
type Held interface {
	// Answer writes the answer to w, if there is one, and reports whether it
	// did. It is called after every wake-up, once the server is to stop, and with
	// last set when the time is over: then it has to answer. It must not wait.
	Answer(w http.ResponseWriter, last bool) bool
	// Drop ends the request without an answer: nobody is there any more to
	// read it. Answer is not called after it.
	Drop()
}

// A Signal wakes a goroutine that receives from it. It has a capacity of 1.
type Signal chan struct{}

// Wake does not wait: a Signal that was not received yet is enough.
func (s Signal) Wake() {
	select {
	case s <- struct{}{}:
	default:
	}
}
