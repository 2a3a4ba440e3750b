package gateway

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/internal/inspect"
	"github.com/commchannel/gateway/protocol"
)

const inspectHelp = `Inspect shows what memcached holds of a channel, decoded: keys, flags, sizes and
ages, the messages, where polling clients stand, and what is wrong with it. It
goes to memcached itself, and needs no gateway that runs. Nothing is changed.

Without --store the store is that of the gateway's own settings: the variable
COMMCHANNEL_STORE, or "store" in the --config file. Without a channel it lists
the channels there are. For that, and for where clients of the log layout stand,
memcached lists its keys ("lru_crawler metadump"), which takes a busy server with
millions of them some seconds; --no-list does without.

Exit code 0: nothing wrong, or notes; 1: something is wrong with the channel, or
memcached can't be asked; 2: wrong usage.`

const inspectExample = `  # a channel of the PHP library
  gateway inspect --store memcache://127.0.0.1:11211 testchannel

  # one in the log layout, which may be on any of several servers
  gateway inspect --store 'memcache://10.0.0.1,10.0.0.2?layout=log' testchannel

  # all messages, with their whole payloads, for programs
  gateway inspect --store memcache://127.0.0.1:11211 testchannel --last 0 -o json

  # which channels are there?
  gateway inspect --store memcache://127.0.0.1:11211`

// An inspection is what its flags say.
type inspection struct {
	store   string
	config  string
	output  *string
	full    bool
	options inspect.Options
}

// inspectCommand is the program's "inspect".
func inspectCommand(environ []string) *cobra.Command {
	in := inspection{options: inspect.Options{Last: 20}}
	cmd := &cobra.Command{
		Use:               "inspect [CHANNEL]",
		Short:             "Show what memcached holds of a channel, and what is wrong with it",
		Long:              inspectHelp,
		Example:           inspectExample,
		Args:              flags.Arguments(0, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(settings.Text(&in.store, checkStore), "store", "`URL` of the store: memcache://host:port, with ?layout=log for the log layout")
	f.StringVar(&in.config, "config", "", "YAML `file` with the gateway's settings, for its store")
	in.output = flags.Output(cmd, "text", "json")
	f.Var(settings.Int(&in.options.Last, 0, 1_000_000), "last", "how many of the messages are shown, the newest; 0: all")
	f.BoolVar(&in.full, "full", false, "show payloads whole, however long")
	f.StringArrayVar(&in.options.Clients, "client", nil, "`id` of a polling client to look for in the log layout, which keeps ids as hashes (repeatable)")
	f.BoolVar(&in.options.NoList, "no-list", false, "don't have memcached list its keys")
	flags.Complete(cmd, "store", completeMemcached)
	flags.Complete(cmd, "config", completeFile)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := in.findStore(environ); err != nil {
			return err
		}
		if len(args) == 0 {
			return in.overview(cmd.Context(), cmd.OutOrStdout())
		}
		return in.channel(cmd.Context(), args[0], cmd.OutOrStdout())
	}
	return cmd
}

// findStore takes the store from the flag, or else from the gateway's settings.
func (in *inspection) findStore(environ []string) error {
	if in.store == "" {
		cfg := Config{}.withDefaults()
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		set := cfg.settings(f)
		if in.config != "" {
			if err := f.Set("config", in.config); err != nil {
				return err
			}
		}
		if err := set.Load(environ); err != nil {
			return err
		}
		in.store = cfg.Store
	}
	spec, err := parseStore(in.store)
	if err != nil {
		return settings.Mistakes{err}
	}
	in.options.URL = settings.Redact(in.store)
	switch spec.scheme {
	case "memcache":
		in.options.PHP = &spec.memcache
	case "memlog":
		in.options.Log = &spec.memlog
	default:
		return settings.Mistakes{fmt.Errorf("--store: %s is in a gateway's own memory, where nobody else can look; name a memcached, like %s", spec.scheme+"://", storeExample)}
	}
	return nil
}

func (in *inspection) overview(ctx context.Context, w io.Writer) error {
	all, err := inspect.Channels(ctx, in.options)
	switch {
	case err != nil:
		return fmt.Errorf("inspect: %w", err)
	case *in.output == "json":
		return writeJSON(w, all)
	}
	return all.Text(w)
}

func (in *inspection) channel(ctx context.Context, name string, w io.Writer) error {
	if err := protocol.CheckChannel(name); err != nil {
		return settings.Mistakes{err}
	}
	r, err := inspect.Channel(ctx, name, in.options)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	if *in.output == "json" {
		err = writeJSON(w, r)
	} else {
		err = r.Text(w, in.full)
	}
	if n := r.Wrong(); err == nil && n > 0 {
		err = fmt.Errorf("inspect: %d of what was found in channel %q is to be mended", n, name)
	}
	return err
}
