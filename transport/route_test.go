package transport

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoute(t *testing.T) {
	entrance := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(name)) })
	}
	h := Route{
		Guard: newGuard(t, GuardConfig{}),
		WS:    entrance("ws"), LongPoll: entrance("longpoll"), Legacy: entrance("legacy"),
	}.Handler()
	upgrade := []string{"Upgrade: websocket", "Connection: keep-alive, Upgrade"}
	asJSON := []string{"Content-Type: application/json; charset=utf-8"}
	for _, tt := range []struct {
		name, method, query string
		headers             []string
		want                string // the entrance, or
		status              int
		message             string
	}{
		{name: "WebSocket", method: "GET", headers: upgrade, want: "ws"},
		{name: "WebSocket, other case", method: "GET", headers: []string{"Upgrade: WebSocket", "Connection: upgrade"}, want: "ws"},
		{name: "WebSocket with a client id", method: "GET", query: "clientid=a", headers: upgrade, want: "ws"},
		{name: "exchange", method: "POST", headers: asJSON, want: "longpoll"},
		{name: "exchange with a client id", method: "POST", query: "clientid=a", headers: asJSON, want: "longpoll"},
		{name: "poll", method: "GET", query: "channelid=c&clientid=7", want: "legacy"},
		{name: "poll with empty ids is the entrance's to refuse", method: "GET", query: "channelid=&clientid=", want: "legacy"},
		{name: "getIP", method: "GET", query: "getIP", want: "legacy"},
		{name: "getIP with a value", method: "GET", query: "getIP=1", want: "legacy"},
		{name: "old send as JSON", method: "POST", query: "channelid=c&clientid=7", headers: asJSON, want: "legacy"},
		{name: "old send of a page", method: "POST", query: "channelid=c&clientid=7", headers: []string{"Origin: http://localhost", "Content-Type: text/plain"}, want: "legacy"},
		{name: "old send of an old browser's page", method: "POST", query: "channelid=c&clientid=7", headers: []string{"Sec-Fetch-Site: same-origin"}, want: "legacy"},
		{name: "old send of nobody knows whom", method: "POST", query: "channelid=c&clientid=7", headers: []string{"Content-Type: text/plain"}, status: 415, message: "application/json"},

		{name: "plain GET", method: "GET", status: 426, message: "open a WebSocket"},
		{name: "Upgrade lost", method: "GET", headers: []string{"Sec-WebSocket-Key: x"}, status: 426, message: "a proxy on the way"},
		{name: "Connection lost", method: "GET", headers: upgrade[:1], status: 426, message: "a proxy on the way"},
		{name: "upgrade to something else", method: "GET", headers: []string{"Upgrade: h2c", "Connection: Upgrade"}, status: 426, message: "open a WebSocket"},
		{name: "poll without client id", method: "GET", query: "channelid=c", status: 400, message: "clientid is missing"},
		{name: "old send without client id", method: "POST", query: "channelid=c", headers: asJSON, status: 400, message: "clientid is missing"},
		{name: "form", method: "POST", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 415, message: "application/json"},
		{name: "no content type", method: "POST", status: 415, message: "application/json"},
		{name: "foreign origin", method: "POST", headers: []string{"Origin: https://evil.example"}, status: 403, message: "--origin"},
		{name: "HEAD", method: "HEAD", query: "channelid=c&clientid=7", status: 405},
		{name: "PUT", method: "PUT", query: "channelid=c&clientid=7", status: 405, message: "GET, POST"},
		{name: "DELETE", method: "DELETE", status: 405, message: "GET, POST"},
		{name: "OPTIONS", method: "OPTIONS", status: 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/channel?"+tt.query, nil)
			r.Host = "localhost"
			for _, h := range tt.headers {
				name, value, _ := strings.Cut(h, ": ")
				r.Header.Add(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if tt.status == 0 {
				tt.status = 200
			}
			if w.Code != tt.status || tt.want != "" && w.Body.String() != tt.want {
				t.Fatalf("got %d %s, want %d %s", w.Code, w.Body, tt.status, tt.want)
			}
			if tt.message != "" {
				checkRefusal(t, w, tt.message)
			}
			if tt.status == 405 && w.Header().Get("Allow") != allowedMethods {
				t.Errorf("Allow: got %q, want %q", w.Header().Get("Allow"), allowedMethods)
			}
		})
	}
}

func checkRefusal(t *testing.T, w *httptest.ResponseRecorder, message string) {
	t.Helper()
	var body struct{ Code, Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	if body.Code == "" || !strings.Contains(body.Message, message) {
		t.Errorf("body: got %+v, want a code and %q", body, message)
	}
}

func TestNotFound(t *testing.T) {
	w := httptest.NewRecorder()
	NotFound(w, nil)
	if w.Code != 404 {
		t.Errorf("status: got %d, want 404", w.Code)
	}
	checkRefusal(t, w, "--path")
}
