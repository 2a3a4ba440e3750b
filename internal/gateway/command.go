package gateway

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/bench"
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
these before the file. docs/configuration.md has more.`

// Command is the program. environ is the process's environment, as os.Environ
// gives it. It runs until its context ends.
func Command(version string, environ []string) *cobra.Command {
	cfg := Config{Version: version}.withDefaults()
	cmd := &cobra.Command{
		Use:           "gateway",
		Short:         "A push gateway for CommChannel",
		Long:          help,
		Version:       version,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.Flags().SortFlags = false
	set := cfg.settings(cmd.Flags())
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return set.LoadAfter(err, environ)
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := set.Load(environ); err != nil {
			return err
		}
		g, err := New(cfg)
		if err != nil {
			return err
		}
		return g.Run(cmd.Context())
	}
	cmd.AddCommand(bench.Command())
	return cmd
}

func noArguments(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return settings.Mistakes{err}
	}
	return nil
}
