// Command conformance holds a server or a client against docs/protocol.md.
//
//	go run ./e2e/conformance --url http://127.0.0.1:8080/channel
//	go run ./e2e/conformance --client "node my-driver.mjs" --transport longpoll
//	go run ./e2e/conformance --list
//
// It prints a line for each promise: the section of docs/protocol.md, a number,
// and pass, fail or skip; below those that failed, the words that are broken and
// the frames that show it. It ends with 1 if one has failed, and with 2 if nothing could be looked at.
//
// Package servers tells what is looked at in a server, package clients what a
// client needs to be looked at: a small program that moves it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/commchannel/gateway/e2e/conformance/clients"
	"github.com/commchannel/gateway/e2e/conformance/servers"
	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// The exit codes.
const (
	kept   = 0
	broken = 1
	unseen = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the command line says.
type options struct {
	url, token, prefix string
	client, transport  string
	only, output       string
	all, list          bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("conformance", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.url, "url", "", "`URL` of the channel of the server to look at")
	f.StringVar(&o.token, "token", "", "`token` for a server that asks for one")
	f.StringVar(&o.prefix, "prefix", "conformance-", "what the `names` of channels begin with; presence is looked at in PREFIXpresence-*")
	f.StringVar(&o.client, "client", "", "`command` that moves the client to look at: words separated by spaces")
	f.StringVar(&o.transport, "transport", clients.WebSocket, "`transport` that is offered to the client: websocket or longpoll")
	f.StringVar(&o.only, "only", "", "look only at promises with this `text` in their line, such as \"Long-poll 3\"")
	f.StringVar(&o.output, "o", "text", "`format` of the output: text or json")
	f.BoolVar(&o.list, "list", false, "show which promises are looked at, and the words that make them")
	f.BoolVar(&o.all, "v", false, "show the frames of all promises")
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not understood", f.Arg(0))
	case o.list && (o.url != "" || o.client != ""):
		return o, errors.New("--list looks at nothing: it goes without --url and --client")
	case !o.list && (o.url == "") == (o.client == ""):
		return o, errors.New("one of --url, --client and --list is needed")
	case o.output != "text" && o.output != "json":
		return o, fmt.Errorf("-o %s: want text or json", o.output)
	}
	return o, nil
}

const usage = `Hold a server or a client against the promises of docs/protocol.md.

  conformance --url http://127.0.0.1:8080/channel
  conformance --url wss://push.shop.example/channel --only Long-poll -v
  conformance --client "node my-driver.mjs" --transport longpoll -o json
  conformance --list --only Presence

It ends with 1 if a promise is broken, with 2 if it can't look.

`

// run is the command, and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return kept
	}
	if err == nil && o.list {
		err = list(stdout, o)
		return exitCode(stderr, err, nil)
	}
	var results []trial.Result
	if err == nil {
		results, err = look(ctx, o)
	}
	if err == nil && len(results) == 0 {
		err = fmt.Errorf("no promise has %q in its line", o.only)
	}
	if err == nil && o.output == "json" {
		err = trial.WriteJSON(stdout, results)
	} else if err == nil {
		err = trial.WriteText(stdout, results, o.all)
	}
	return exitCode(stderr, err, results)
}

func exitCode(stderr io.Writer, err error, results []trial.Result) int {
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "conformance:", err)
		return unseen
	case trial.Failed(results):
		return broken
	}
	return kept
}

// list writes the promises that are looked at in a server, and in a client.
func list(w io.Writer, o options) error {
	unwanted := func(r trial.Result) bool { return !o.wants(r) }
	for _, of := range []struct {
		whom     string
		promises []trial.Result
	}{
		{"A server:", servers.Promises()},
		{"A client, on WebSocket:", clients.Promises(clients.WebSocket)},
		{"A client, on long-poll:", clients.Promises(clients.LongPoll)},
	} {
		promises := slices.DeleteFunc(of.promises, unwanted)
		if len(promises) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\n\n", of.whom); err != nil {
			return err
		}
		if err := trial.WriteList(w, promises); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

// wants reports whether --only takes a promise.
func (o options) wants(r trial.Result) bool {
	return strings.Contains(fmt.Sprintf("%s %d: %s", r.Section, r.Number, r.Promise), o.only)
}

func look(ctx context.Context, o options) ([]trial.Result, error) {
	want := o.wants
	if o.client != "" {
		return clients.Run(ctx, clients.Config{Driver: strings.Fields(o.client), Transport: o.transport, Want: want})
	}
	return servers.Run(ctx, servers.Config{URL: o.url, Token: o.token, Prefix: o.prefix, Want: want})
}
