// Package flags has what the program's commands do alike with their flags.
package flags

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/gateway/settings"
)

// Mistake is err as a mistake in the use of a command, with where to read. It is
// a settings.Mistakes.
func Mistake(command string, err error) error {
	return settings.Mistakes{fmt.Errorf("%s: %w; see %s --help", command, err, command)}
}

// Arguments wants from least to most of them; most 0: any number. Its error is a
// Mistake.
func Arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most == 0 || len(args) <= most) {
			return nil
		}
		_, usage, _ := strings.Cut(cmd.Use, " ")
		return Mistake(cmd.CommandPath(), fmt.Errorf("got %d arguments, want %s", len(args), usage))
	}
}

// NoArguments is for commands that have none, though perhaps commands below
// them. Its error is a Mistake.
func NoArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasAvailableSubCommands():
		return Mistake(cmd.CommandPath(), fmt.Errorf("got %q, want no arguments", args[0]))
	}
	err := fmt.Errorf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2 // letters
	if alike := cmd.SuggestionsFor(args[0]); len(alike) > 0 {
		err = fmt.Errorf("%w, did you mean %s?", err, strings.Join(alike, ", or "))
	}
	return Mistake(cmd.CommandPath(), err)
}

// Output gives cmd the flag for how it writes what it tells: one of the formats,
// the first one if nothing is said.
func Output(cmd *cobra.Command, formats ...string) *string {
	output := formats[0]
	cmd.Flags().VarP(settings.OneOf(&output, formats...), "output", "o", "`format`: "+strings.Join(formats, ", "))
	Complete(cmd, "output", Words(formats...))
	return &output
}

// Complete sets what a shell offers for a flag's value. The flag is there, and
// has no offers yet.
func Complete(cmd *cobra.Command, flag string, offers cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, offers); err != nil {
		panic(fmt.Sprintf("flags: %v", err)) // there is no such flag, or it was done twice
	}
}

// Words offers these, and no files.
func Words(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// Free has a shell offer nothing for flags whose values are anybody's own.
func Free(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		Complete(cmd, name, cobra.NoFileCompletions)
	}
}
