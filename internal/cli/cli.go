// Package cli has the program's commands that are clients of a gateway: they
// know it from outside, as a Go program does that uses protocol/client.
//
// What a command tells programs (-o json) are the frames of docs/protocol.md,
// one on each line. What it tells people has no control characters in it,
// whatever is in the messages. A command ends with a nil error when it did what
// it is for, and when nobody reads what it writes any more.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
)

// The variables of the environment that the commands read.
const (
	urlVariable   = "COMMCHANNEL_URL"
	tokenVariable = "COMMCHANNEL_TOKEN"
)

// Commands are the commands. environ is the process's environment, as
// os.Environ gives it.
func Commands(environ []string) []*cobra.Command {
	return []*cobra.Command{
		subCommand(environ), pubCommand(environ), requestCommand(environ), presenceCommand(environ), shadowCommand(environ),
	}
}

// WithoutVariables is environ without what only the commands read.
func WithoutVariables(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == urlVariable || name == tokenVariable
	})
}

// variable is a variable's value, "" where there is none.
func variable(environ []string, name string) string {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// A session is one run of a command: its connection, and where it writes.
type session struct {
	name string // of the command, as in "gateway sub"
	connection
	json bool

	in  io.Reader
	out io.Writer // fails with errUnread where nobody reads any more
	err io.Writer
}

// A task is what a command does. Its context ends with the process's first
// signal.
type task func(ctx context.Context, s *session, args []string) error

// command completes cmd, whose own flags are there, with those that all share
// and with what it does.
func command(cmd *cobra.Command, environ []string, do task) *cobra.Command {
	s := &session{}
	cmd.Flags().SortFlags = false
	output := flags.Output(cmd, "text", "json")
	s.connection.addFlags(cmd)
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s.name, s.json = cmd.CommandPath(), *output == "json"
		s.in, s.out, s.err = cmd.InOrStdin(), reader{cmd.OutOrStdout()}, cmd.ErrOrStderr()
		defer outliveReaders()()
		err := s.check(environ)
		if err == nil {
			err = do(cmd.Context(), s, args)
		}
		return s.outcome(cmd.Context(), err)
	}
	return cmd
}

// A usageError tells that a command line can't be.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// outcome is err as the program tells it: on one line, with the command's name.
func (s *session) outcome(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, errUnread):
		return nil
	case errors.As(err, new(usageError)):
		return flags.Mistake(s.name, err)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %s", s.name, interrupted(err))
	}
	return fmt.Errorf("%s: %s", s.name, s.explain(err))
}

// note tells people something that is no output.
func (s *session) note(format string, args ...any) {
	fmt.Fprintf(s.err, "%s: %s\n", s.name, printable(fmt.Sprintf(format, args...)))
}
