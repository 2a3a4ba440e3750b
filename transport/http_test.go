package transport

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

func TestQueryValue(t *testing.T) {
	for _, tt := range []struct {
		query, want string
		ok          bool
	}{
		{"channelid=room&clientid=7", "room", true},
		{"clientid=7&channelid=room", "room", true},
		{"clientid=7", "", false},
		{"channelid", "", true},
		{"channelid=", "", true},
		{"channelid=a&channelid=b", "b", true},
		{"channelid=a%20b", "a b", true},
		{"channelid=caf%C3%A9", "café", true},
		{"channelid=a+b", "a+b", true},
		{"channelid=50%", "50%", true},
		{"channelid=50%&clientid=7", "50%", true},
		{"channelid=%zz%4", "%zz%4", true},
		{"channelid=%+1", "%+1", true},
		{"channelid=a;b", "a;b", true},
		{"channelid=a=b", "a=b", true},
		{"%63hannelid=a", "a", true},
		{"channelid=%00", "\x00", true},
	} {
		t.Run(tt.query, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL.RawQuery = tt.query
			got, ok := QueryValue(r, "channelid")
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v, want %q, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestReadBody(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, ok := ReadBody(w, r, 10, time.Minute); ok {
			w.Write(body)
		}
	})
	srv := httptest.NewServer(echo)
	defer srv.Close()
	for _, tt := range []struct {
		name    string
		body    io.Reader
		headers map[string]string
		status  int
		want    string
	}{
		{"small", strings.NewReader("1234567890"), nil, 200, "1234567890"},
		{"empty", http.NoBody, nil, 200, ""},
		{"too long and says so", strings.NewReader("12345678901"), nil, 413, "more than 10 bytes"},
		{"too long in chunks", io.MultiReader(strings.NewReader("123456"), strings.NewReader("789012")), nil, 413, "more than 10 bytes"},
		{"compressed", strings.NewReader("x"), map[string]string{"Content-Encoding": "gzip"}, 415, "compressed"},
		{"identity", strings.NewReader("x"), map[string]string{"Content-Encoding": "identity"}, 200, "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range tt.headers {
				r.Header.Set(k, v)
			}
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("got %d %q, want %d with %q", resp.StatusCode, body, tt.status, tt.want)
			}
		})
	}
}

func TestReadBodyThatDoesNotCome(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ReadBody(w, r, 10, 20*time.Millisecond)
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn) // ends: the connection is closed
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(all, []byte("HTTP/1.1 408 ")) {
		t.Errorf("got %q, want status 408", all)
	}
}

func TestReadBodyLeavesNoDeadline(t *testing.T) {
	// The deadline is the operating system's, so this one test lets real time
	// pass: an answer is held for longer than the body may take.
	const timeout = 200 * time.Millisecond
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := ReadBody(w, r, 10, timeout); !ok {
			return
		}
		select {
		case <-r.Context().Done():
			t.Error("the request ended while its answer was held")
		case <-time.After(2 * timeout):
		}
	}))
	defer srv.Close()
	// Without a body net/http is waiting for the next request already.
	for _, body := range []string{"x", ""} {
		resp, err := srv.Client().Post(srv.URL, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

func TestWriteAnswerHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	if err := WriteAnswer(w, "application/json", []byte("[]"), time.Second); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type":           "application/json",
		"Content-Length":         "2",
		"Cache-Control":          "no-store, no-transform",
		"X-Accel-Buffering":      "no",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestWriteErrorAsksForPatience(t *testing.T) {
	w := httptest.NewRecorder()
	WriteError(w, &protocol.Error{Code: protocol.CodeUnavailable, Message: "down"})
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q, want 503 with one", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestLimitsHeld(t *testing.T) {
	l := Limits{Hold: 10 * time.Second}
	seen := map[time.Duration]bool{}
	for range 200 {
		d := l.Held()
		if d < 9*time.Second || d > 11*time.Second {
			t.Fatalf("got %v, want 10s give or take a tenth", d)
		}
		seen[d] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d different times in 200, want them spread", len(seen))
	}
}
