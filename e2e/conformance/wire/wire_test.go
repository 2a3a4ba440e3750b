package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFramesComeBack(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 1<<16 - 1, 1 << 16} {
		for _, f := range []Frame{{Op: Text}, {Op: Ping, Masked: true}, {Op: Continuation, More: true, Rsv: 5, Masked: true}} {
			f.Payload = bytes.Repeat([]byte("x"), size)
			got, err := ReadFrame(bytes.NewReader(f.Append(nil)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, f) {
				t.Errorf("%d bytes: got %.100q, want %.100q", size, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", f))
			}
		}
	}
}

// What RFC 6455 has in its section 5.7.
func TestFramesOnTheWire(t *testing.T) {
	for name, tt := range map[string]struct {
		frame Frame
		want  string
	}{
		"a text":       {Frame{Op: Text, Payload: []byte("Hello")}, "\x81\x05Hello"},
		"a fragment":   {Frame{Op: Text, More: true, Payload: []byte("Hel")}, "\x01\x03Hel"},
		"the last one": {Frame{Op: Continuation, Payload: []byte("lo")}, "\x80\x02lo"},
		"a ping":       {Frame{Op: Ping, Payload: []byte("Hello")}, "\x89\x05Hello"},
		"256 bytes":    {Frame{Op: Binary, Payload: make([]byte, 256)}, "\x82\x7E\x01\x00" + strings.Repeat("\x00", 256)},
		"64 KiB":       {Frame{Op: Binary, Payload: make([]byte, 65536)}, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("\x00", 65536)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(tt.frame.Append(nil)); got != tt.want {
				t.Errorf("got %.40q, want %.40q", got, tt.want)
			}
		})
	}
	got, err := ReadFrame(strings.NewReader("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"))
	if diff := cmp.Diff(Frame{Op: Text, Masked: true, Payload: []byte("Hello")}, got); err != nil || diff != "" {
		t.Errorf("a masked text: %v (-want +got):\n%s", err, diff)
	}
	if got, want := AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("AcceptKey: got %q, want %q", got, want)
	}
}

func TestConversation(t *testing.T) {
	soon := func() time.Time { return time.Now().Add(time.Minute) }
	served := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := Upgrade(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer conn.Cut()
		text, err := conn.ReadText(soon())
		if err == nil {
			err = conn.Write(Frame{Op: Ping}, Frame{Op: Text, More: true, Payload: []byte(text)}, Frame{Op: Ping}, Frame{Op: Continuation, Payload: []byte("!")})
		}
		if err == nil {
			err = conn.WriteClose(4000, "enough")
		}
		if err == nil {
			_, err = conn.ReadText(soon())
		}
		served <- err
	}))
	defer srv.Close()
	if conn, resp, _, err := Dial(t.Context(), srv.URL, http.Header{"Upgrade": nil}); conn != nil || err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Fatalf("without Upgrade: got %v %v", resp, err)
	}
	conn, _, _, err := Dial(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Cut()
	if err := conn.WriteText("h\u00e9"); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.ReadText(soon()); got != "h\u00e9!" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for who, err := range map[string]error{"client": func() error { _, err := conn.ReadText(soon()); return err }(), "server": <-served} {
		if e, ok := errors.AsType[*CloseError](err); !ok || e.Code != 4000 || e.Reason != "enough" {
			t.Errorf("%s: got %v, want a close with 4000", who, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x81\x05Hello"))
	f.Add([]byte("\x82\x7F\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := ReadFrame(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := ReadFrame(bytes.NewReader(frame.Append(nil)))
		if err != nil || !reflect.DeepEqual(again, frame) {
			t.Errorf("got %+v, %v, want %+v", again, err, frame)
		}
	})
}
