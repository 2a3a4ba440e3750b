package transport

import (
	"net/http"
	"strings"
)

// allowedMethods is what an entrance's URL takes.
const allowedMethods = "GET, POST, OPTIONS"

// A Route leads every kind of client to its entrance; all share one URL.
type Route struct {
	Guard    *Guard
	WS       http.Handler // GET with Upgrade: websocket
	LongPoll http.Handler // POST of JSON without channelid
	Legacy   http.Handler // GET and POST with channelid and clientid, GET with getIP
}

// Handler is the Route behind its Guard: what an entrance gets has been
// checked for host and origin.
func (rt Route) Handler() http.Handler { return rt.Guard.Wrap(http.HandlerFunc(rt.serve)) }

func (rt Route) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		rt.get(w, r)
	case http.MethodPost:
		rt.post(w, r)
	default:
		MethodNotAllowed(w, allowedMethods)
	}
}

func (rt Route) get(w http.ResponseWriter, r *http.Request) {
	_, getIP := QueryValue(r, "getIP")
	_, channel := QueryValue(r, "channelid")
	_, client := QueryValue(r, "clientid")
	switch {
	case hasToken(r.Header, "Upgrade", "websocket"):
		if !hasToken(r.Header, "Connection", "upgrade") {
			upgradeRequired(w, "a WebSocket needs Connection: Upgrade, too; a proxy on the way has removed it")
			return
		}
		rt.WS.ServeHTTP(w, r)
	case getIP, channel && client:
		rt.Legacy.ServeHTTP(w, r)
	case channel:
		refuse(w, http.StatusBadRequest, "clientid is missing in the query")
	case r.Header.Get("Sec-WebSocket-Key") != "":
		upgradeRequired(w, "a WebSocket needs Upgrade: websocket; a proxy on the way has removed it")
	default:
		upgradeRequired(w, "open a WebSocket here, POST a JSON array of frames, or GET with channelid and clientid in the query")
	}
}

func (rt Route) post(w http.ResponseWriter, r *http.Request) {
	if _, ok := QueryValue(r, "channelid"); ok {
		if _, ok := QueryValue(r, "clientid"); !ok {
			refuse(w, http.StatusBadRequest, "clientid is missing in the query")
			return
		}
		rt.postLegacy(w, r)
		return
	}
	if !IsJSON(r) {
		refuse(w, http.StatusUnsupportedMediaType, "an exchange of frames needs Content-Type: application/json")
		return
	}
	if holder, ok := w.(Holder); ok {
		holder.Repeat(rt.LongPoll) // nothing above asks for the body, or for the time
	}
	rt.LongPoll.ServeHTTP(w, r)
}

// postLegacy wants to know that a form on another site did not send this: by
// the Origin, which has been checked, or by a content type no form can have.
func (rt Route) postLegacy(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") != "same-origin" && !IsJSON(r) {
		refuse(w, http.StatusUnsupportedMediaType, "a send without an Origin header needs Content-Type: application/json")
		return
	}
	rt.Legacy.ServeHTTP(w, r)
}

func upgradeRequired(w http.ResponseWriter, message string) {
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Connection", "Upgrade")
	refuse(w, http.StatusUpgradeRequired, message)
}

// hasToken reports whether one of name's comma-separated values is token.
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
