package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/doctor"
	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
	"github.com/commchannel/gateway/transport"
)

const doctorHelp = `Doctor looks at a gateway from where a client is, through whatever lies between:
is it reached, does each transport work and stay, do messages come at once over
each, does the gateway see the client's address, who gets in? It tells a verdict
on each, and what to change. Run it where the clients are, and with their URL.

It sends to a channel of a random name. With --store it looks at the memcached
itself, too; nothing but keys of its own is written there.

A connection is watched until the gateway has pinged it, and an answer for as
long as the gateway holds it: about half a minute, all at once. --quick takes 3
seconds for that, and does not notice what cuts later.

Exit code 0: nothing failed, warnings or not; 1: something did; 2: wrong usage.`

const doctorExample = `  # do pages get to it, through the proxies on the way?
  gateway doctor https://shop.example/channel.php --origin https://shop.example

  # and is its memcached fit?
  gateway doctor http://127.0.0.1:8080 --store memcache://127.0.0.1:11211

  # a short look, as one JSON object
  gateway doctor http://127.0.0.1:8080 --quick -o json`

// doctorCommand is the program's "doctor".
func doctorCommand() *cobra.Command {
	var o doctor.Options
	var store string
	cmd := &cobra.Command{
		Use:               "doctor URL",
		Short:             "Tell what lies between clients and a gateway, and what to change",
		Long:              doctorHelp,
		Example:           doctorExample,
		Args:              oneURL,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(settings.Text(&store, checkStore), "store", "`URL` of the gateway's store, to look at, too: memcache://host:port, with ?layout=log for the log layout")
	f.Var(settings.Text(&o.Origin, checkOneOrigin), "origin", "`origin` whose pages are to get in, like https://shop.example")
	f.BoolVar(&o.Quick, "quick", false, "watch connections for 3 seconds only")
	f.TextVar(&o.From, "from", netip.Addr{}, "`address` of this machine to connect from, where it has several")
	output := flags.Output(cmd, "text", "json")
	flags.Complete(cmd, "store", completeMemcached)
	flags.Free(cmd, "origin", "from")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.URL, o.PHP = args[0], pathOfPHP
		if store != "" {
			var err error
			if o.Store, err = doctorStore(store); err != nil {
				return settings.Mistakes{err}
			}
		}
		return examine(cmd.Context(), o, *output == "json", cmd.OutOrStdout())
	}
	return cmd
}

func oneURL(cmd *cobra.Command, args []string) error {
	if err := flags.Arguments(1, 1)(cmd, args); err != nil {
		return err
	}
	if _, err := doctor.CheckURL(args[0]); err != nil {
		return flags.Mistake(cmd.CommandPath(), err)
	}
	return nil
}

// checkOneOrigin wants an origin that a page can have.
func checkOneOrigin(s string) error {
	if strings.Contains(s, "*") {
		return fmt.Errorf("%q is a pattern; name the origin of one page, like https://shop.example", s)
	}
	return transport.CheckOrigin(s)
}

func examine(ctx context.Context, o doctor.Options, asJSON bool, w io.Writer) error {
	var writing error
	if !asJSON {
		o.Told = func(v doctor.Verdict) { writing = errors.Join(writing, v.Write(w)) }
		o.Watching = func(d time.Duration) {
			_, err := fmt.Fprintf(w, "...      connections are watched for %s, and held answers waited for\n", d)
			writing = errors.Join(writing, err)
		}
	}
	r, err := doctor.Examine(ctx, o)
	switch {
	case err != nil:
		return err
	case asJSON:
		writing = writeJSON(w, r)
	default:
		_, err := fmt.Fprintf(w, "\n%s: %s\n", r.URL, r.Summary())
		writing = errors.Join(writing, err)
	}
	if failed := r.With(doctor.Fail); writing == nil && len(failed) > 0 {
		return fmt.Errorf("doctor: to be mended: %s", strings.Trim(fmt.Sprint(failed), "[]"))
	}
	return writing
}

// doctorStore is what the doctor needs to know of a store.
func doctorStore(raw string) (*doctor.Store, error) {
	spec, err := parseStore(raw)
	if err != nil {
		return nil, err
	}
	s := &doctor.Store{URL: settings.Redact(raw)}
	switch spec.scheme {
	case "memcache":
		s.Servers, s.Prefix, s.ForPHP = []string{spec.memcache.Addr}, spec.memcache.Prefix, true
		document := spec.memcache.KeyPrefix()
		_, lock := spec.memcache.Keys("")
		s.Key = func(channel string) string { return document + channel }
		s.IsChannel = func(key string) bool { return strings.HasPrefix(key, document) && !strings.HasPrefix(key, lock) }
		s.Flags = map[uint32]string{0: "plain", memcache.FlagsZlib: "compressed"}
		s.LeastItem = func(int) int { return 1 << 20 } // memcached's own bound, which PHP goes up to
	case "memlog":
		s.Servers = spec.memlog.Servers
		s.Key = func(channel string) string { return memlog.HeadKey(memlog.NameOf(channel)) }
		s.IsChannel = func(key string) bool { return memlog.ViewKey(key).Kind == memlog.KeyHead }
		s.LeastItem = leastSlot
	}
	return s, nil
}

// leastSlot is how large an item of the log layout may become: a message's
// payload is in its text twice.
func leastSlot(maxMessage int) int {
	if maxMessage == 0 {
		maxMessage = protocol.DefaultMaxMessage
	}
	return 2*maxMessage + 8<<10
}

func pathOfPHP() string {
	path, err := exec.LookPath("php")
	if err != nil {
		return ""
	}
	return path
}
