package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/gateway/settings"
)

// program is all commands below one, as in the binary.
func program(environ ...string) *cobra.Command {
	root := &cobra.Command{Use: "gateway", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(Commands(environ)...)
	return root
}

// nowhere is where nobody listens.
const nowhere = "http://127.0.0.1:1/channel"

// ran runs a command line.
func ran(t *testing.T, environ []string, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	root := program(environ...)
	var out, errs bytes.Buffer
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

// Each mistake is told in one line, before anything is connected to.
func TestWrongUsage(t *testing.T) {
	for _, tt := range []struct {
		line, want string
	}{
		{"sub", "gateway sub: got 0 arguments, want CHANNEL..."},
		{"sub a\tb", `"a\tb": bad_channel`},
		{"sub room room", `"room" is named twice`},
		{"sub room --history -1", "--history: -1 is not from 0 to 1000"},
		{"sub room --history 1001", "--history: 1001 is not from 0 to 1000"},
		{"sub room --count -1", "--count: can't be negative"},
		{"sub room --timeout -1s", "--timeout: can't be negative"},
		{"sub room --since c1 --history 2", "--since and --history exclude each other"},
		{"sub room --since a/b", "--since: bad_frame: cursor wants"},
		{"sub room news --since c1", "--since is a place in one channel, and 2 are named"},
		{"sub room --url shop.example", `--url: "shop.example" is no URL of a gateway; write it like http://`},
		{"sub room --url ftp://shop.example", "is no URL of a gateway"},
		{"sub room --url http://shop.example/?clientid=7", "--client-id"},
		{"sub room --client-id a\tb", "--client-id: bad_client"},
		{"pub room", "gateway pub: got 1 arguments, want CHANNEL TYPE [PAYLOAD|-]"},
		{"pub room msg hi there", "got 4 arguments"},
		{"pub room msg {x --json", "the payload is not JSON"},
		{"pub room msg hi --json --text", "--json and --text exclude each other"},
		{"pub room msg \xff", "neither JSON nor text in UTF-8"},
		{"pub room msg hi --lines", "--lines reads the standard input"},
		{"pub room msg - --lines --id x", "--id names one message"},
		{"pub room msg --id 12", "message id is a decimal number"},
		{"pub room msg --reply-to a/b", "reply_to"},
		{"pub room " + strings.Repeat("x", 257), `"type"`},
		{"pub room msg --timeout 0s", "--timeout: wants more than 0"},
		{"pub lock_x msg", "bad_channel"},
		{"request room", "gateway request: got 1 arguments"},
		{"request room msg --timeout 0s", "--timeout"},
		{"presence", "gateway presence: got 0 arguments, want CHANNEL"},
		{"presence a b", "got 2 arguments"},
		{"shadow room", "--legacy is missing"},
		{"shadow room --legacy shop.example", `gateway shadow: --legacy: "shop.example" is no URL`},
		{"shadow room --legacy http://shop.example --duration -1s", "--duration: can't be negative"},
		{"shadow room --legacy http://shop.example --settle 10ms", "--settle: wants 1s at least"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			_, err := ran(t, []string{"COMMCHANNEL_URL=" + nowhere}, "", strings.Split(tt.line, " ")...)
			if _, ok := errors.AsType[settings.Mistakes](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want a mistake with %q", err, tt.want)
			}
			if text := err.Error(); strings.Contains(text, "\n") || !strings.HasSuffix(text, " --help") {
				t.Errorf("got %q, want one line that ends with where to read", text)
			}
		})
	}
}

// A failure is told in one line, and what to do about it.
func TestNobodyListens(t *testing.T) {
	for _, line := range []string{
		"sub room", "pub room msg hi", "pub room msg -", "pub room msg - --lines", "request room q", "presence room", "presence room --watch",
		"shadow room --legacy http://127.0.0.1:2/",
	} {
		for _, transport := range []string{"auto", "websocket", "longpoll"} {
			t.Run(line+" "+transport, func(t *testing.T) {
				args := strings.Split(line+" --transport "+transport, " ")
				_, err := ran(t, []string{"COMMCHANNEL_URL=" + strings.Replace(nowhere, "127", "secret:word@127", 1)}, "hi\n", args...)
				want := "gateway " + args[0] + ": nothing listens at " + nowhere + ": start the gateway, or name its address by --url"
				if err == nil || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			})
		}
	}
}

func TestInterruptedBeforeItConnects(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		line, want string
	}{
		{"sub room", ""},
		{"presence room --watch", ""},
		{"presence room", "gateway presence: interrupted"},
		{"pub room msg hi", "gateway pub: interrupted"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			root := program("COMMCHANNEL_URL=" + nowhere)
			root.SetArgs(strings.Split(tt.line, " "))
			err := root.ExecuteContext(ctx)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// The commands' variables are no settings of the gateway.
func TestWithoutVariables(t *testing.T) {
	environ := []string{"A=1", "COMMCHANNEL_URL=x", "COMMCHANNEL_TOKEN=y", "COMMCHANNEL_URLS=z"}
	if diff := cmp.Diff([]string{"A=1", "COMMCHANNEL_URLS=z"}, WithoutVariables(environ)); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if len(environ) != 4 || environ[1] != "COMMCHANNEL_URL=x" {
		t.Errorf("the environment was changed: %q", environ)
	}
}

// What may be secret in the environment is not shown by --help.
func TestHelpHasNoSecrets(t *testing.T) {
	out, err := ran(t, []string{"COMMCHANNEL_TOKEN=secret", "COMMCHANNEL_URL=http://me:secret@push.shop.example"}, "", "sub", "--help")
	if err != nil || strings.Contains(out, "secret") || !strings.Contains(out, "--token") {
		t.Errorf("got %v and %s", err, out)
	}
}
