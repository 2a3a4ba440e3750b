package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/shadow"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

func TestExplain(t *testing.T) {
	c := &connection{url: "https://user:secret@push.shop.example/channel?key=secret"}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a refused token", &client.RefusedError{Code: protocol.CloseUnauthorized, Reason: "bad token"},
			"refused by the gateway (4201): bad token; --token or COMMCHANNEL_TOKEN names another token"},
		{"no token", &protocol.Error{Code: protocol.CodeUnauthorized, Message: "no token"},
			"unauthorized: no token; --token or COMMCHANNEL_TOKEN names one"},
		{"too late", fmt.Errorf("client: no reply: %w", context.DeadlineExceeded), "https://push.shop.example/channel has not answered in time"},
		{"not known", fmt.Errorf("send it again: %w: %w", client.ErrUnconfirmed, context.DeadlineExceeded), "send it again: not confirmed: context deadline exceeded"},
		{"the old client", &shadow.PollError{Err: syscall.ECONNREFUSED}, "the old client's first poll: connection refused; --legacy names what old pages poll"},
		{"https where there is none", fmt.Errorf("client: %w", http.ErrSchemeMismatch),
			"no TLS is spoken at https://push.shop.example/channel: write http, or ws, in the place of https, or wss"},
		{"another one", &protocol.Error{Code: protocol.CodeForbidden, Message: "not here"}, "forbidden: not here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.explain(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{context.Canceled, "interrupted"},
		{fmt.Errorf("client: no reply: %w", context.Canceled), "interrupted: no reply"},
		{fmt.Errorf("not known (%w); send it again", context.Canceled), "interrupted: not known (context canceled); send it again"},
	} {
		if got := interrupted(tt.err); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestNotes(t *testing.T) {
	var told []string
	again := 0
	n := &notes{
		tell:  func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) },
		again: func() { again++ },
	}
	for _, state := range []client.State{
		{Status: client.Connecting},
		{Status: client.Connected, Transport: client.LongPoll},
		{Status: client.Connected, Transport: client.WebSocket}, // another connection
		{Status: client.Reconnecting, Err: io.EOF},
		{Status: client.Reconnecting, Err: io.ErrUnexpectedEOF},
		{Status: client.Connected, Transport: client.LongPoll},
		{Status: client.Closed, Err: client.ErrClosed},
	} {
		n.take(state)
	}
	want(t, "told", told, "connection lost, trying to come back: EOF", "connected again, by longpoll")
	if again != 2 {
		t.Errorf("told %d times of another connection, want twice", again)
	}
}

// What prints on and on ends when its reader has gone, also if there is nothing
// to print.
func TestWhileRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere, the next line tells")
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s := &session{out: reader{out}}
	ctx, stop := s.whileRead(t.Context())
	defer stop()
	if _, err := fmt.Fprintln(s.out, "hello"); err != nil || ctx.Err() != nil {
		t.Fatalf("with a reader: got %v, %v", err, ctx.Err())
	}
	in.Close()
	select {
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("that nobody reads was not noticed")
	}
	defer outliveReaders()()
	if _, err := fmt.Fprintln(s.out, "hello"); !errors.Is(err, errUnread) {
		t.Errorf("without a reader: got %v, want %v", err, errUnread)
	}
}

// A watch of the reader ends with the command, and files have no reader.
func TestWhileReadEnds(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for _, s := range []*session{{out: reader{file}}, {out: reader{&bytes.Buffer{}}}} {
		ctx, stop := s.whileRead(t.Context())
		if ctx.Err() != nil {
			t.Errorf("%T: got %v", s.out.(reader).Writer, ctx.Err())
		}
		stop()
	}
}

var results = map[string]shadow.Result{
	"same": {Channel: "room", Elapsed: 61 * time.Second, Same: 12, P50: 251 * time.Millisecond, P99: 503 * time.Millisecond},
	"different": {
		Channel: "room", Elapsed: time.Minute, Same: 1, OnlyLegacy: 1, OnlyModern: 1, Moved: 1, AgainLegacy: 1, AgainModern: 1,
		Gaps: 2, FailedPolls: 3, PollError: errors.New("HTTP status 502"),
		Differences: []shadow.Difference{
			{Kind: shadow.OnlyModern, Message: shadow.Message{At: at("11:59:58.007"), ID: "i7", Type: "msg", From: "php", Payload: []byte("\"a\u009b\"")}},
			{Kind: shadow.OnlyLegacy, Message: shadow.Message{At: at("11:59:59.007"), Payload: []byte(`"cut...`)}},
		},
	},
}

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"same", []string{
			"channel       room, for 1m1s",
			"came to both  12 messages",
			"sooner by     251ms p50, 503ms p99",
			"verdict       no difference",
		}},
		{"different", []string{
			"channel               room, for 1m0s",
			"came to both          1 message",
			"sooner by             0s p50, 0s p99",
			"old client alone      1 message",
			"new client alone      1 message",
			"another order         1 message",
			"once more to the old  1 message",
			"twice to the new      1 message",
			"gaps                  2 times the gateway told that messages may be missing",
			"failed polls          3, the last: HTTP status 502",
			`- new alone           11:59:58.007  php  msg  "a\u009b"  id i7`,
			`- old alone           11:59:59.007  -  -  "cut...`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			r := results[tt.name]
			if err := report(&out, &r); err != nil {
				t.Fatal(err)
			}
			want(t, "report", strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), tt.want...)
		})
	}
}

func TestReportJSON(t *testing.T) {
	var out bytes.Buffer
	r := results["same"]
	if err := writeResult(&out, &r); err != nil {
		t.Fatal(err)
	}
	want(t, "JSON", []string{out.String()}, `{"channel":"room","same":true,"seconds":61,"both":12,"only_legacy":0,"only_new":0,"out_of_order":0,`+
		`"again_legacy":0,"again_new":0,"gaps":0,"failed_polls":0,"sooner_p50_ms":251,"sooner_p99_ms":503,"differences":[]}`+"\n")
	out.Reset()
	r = results["different"]
	if err := writeResult(&out, &r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"same":false`) || !strings.Contains(out.String(), `{"kind":"only_legacy",`) {
		t.Errorf("got %s, want the differences", out.String())
	}
}

func TestProgressLine(t *testing.T) {
	got := progressLine(shadow.Progress{Elapsed: 65400 * time.Millisecond, Same: 12, Waiting: 3, P50: 251400 * time.Microsecond, P99: 503 * time.Millisecond})
	if want := "1m5s: 12 messages came to both, 3 are on their way; sooner by 251ms, 503ms (p50, p99)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
