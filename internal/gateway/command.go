package gateway

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/bench"
	"github.com/commchannel/gateway/internal/cli"
	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
)

// ExitCode is a process's for what Command's Execute has returned: 2 where the
// configuration is to be changed, 1 for every other failure.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[settings.Mistakes](err); ok {
		return 2
	}
	return 1
}

const help = `Gateway pushes the messages of CommChannel channels to browsers and programs,
over WebSocket, long-poll, and to the original library's polling clients.

Every flag is also a variable (--max-message: COMMCHANNEL_MAX_MESSAGE) and a key
of the --config file (max-message: 64KiB). Flags come before variables, and
these before the file: "gateway config print" shows which one counts.
docs/configuration.md has more.`

const examples = `  # messages in memory, and a demo page to open in two windows
  gateway

  # in front of an old site, whose messages are where PHP has them
  gateway --store memcache://127.0.0.1:11211 --origin https://shop.example

  # let this shell complete commands, flags and their values; "gateway
  # completion --help" tells how to keep it, and of zsh, fish and PowerShell
  source <(gateway completion bash)`

// Command is the program. environ is the process's environment, as os.Environ
// gives it. It runs until its context ends.
func Command(version string, environ []string) *cobra.Command {
	clients := cli.Commands(environ)
	environ = cli.WithoutVariables(environ) // to the gateway itself, they would be mistakes
	cfg := Config{Version: version}.withDefaults()
	cmd := &cobra.Command{
		Use:           "gateway",
		Short:         "A push gateway for CommChannel",
		Long:          help,
		Example:       examples,
		Version:       version,
		Args:          flags.NoArguments,
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	set := takeSettings(cmd, &cfg, environ)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := set.Load(environ); err != nil {
			return err
		}
		g, err := New(cfg)
		if err != nil {
			return err
		}
		if keepsHeap(environ) {
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			go keepHeap(ctx)
		}
		return g.Run(cmd.Context())
	}
	cmd.AddCommand(bench.Command(), configCommand(environ), inspectCommand(environ), doctorCommand())
	cmd.AddCommand(clients...)
	return cmd
}
