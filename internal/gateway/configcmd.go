package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
)

const configHelp = `Config tells what the gateway's settings are, and whether they can be: flags,
environment and file are read as by the gateway itself, which is not started.`

const configExample = `  # what is in force, and where each value comes from
  gateway config print --config gateway.yaml

  # is it fine? Exit code 2 where it is not
  gateway config check --config gateway.yaml

  # every setting there is
  gateway config doc`

// configCommand is the program's "config".
func configCommand(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check, show and explain the settings",
		Long:    configHelp,
		Example: configExample,
		Args:    flags.NoArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(checkCommand(environ), printCommand(environ), docCommand())
	return cmd
}

const checkHelp = `Check reads the settings as the gateway does when it starts, and says "fine", or
all that is wrong, each mistake with its place. It takes the gateway's flags, so
that a command line is checked by "config check" behind "gateway". Neither
addresses nor the store are tried.

Exit code 0: fine; 2: something is to be mended.`

const checkExample = `  # the file, before a restart
  gateway config check --config gateway.yaml

  # a whole command line; all mistakes as one JSON object
  COMMCHANNEL_HOLD=25 gateway config check --listen 8080 -o json`

func checkCommand(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Tell all mistakes in the settings",
		Long:    checkHelp,
		Example: checkExample,
		Args:    flags.NoArguments,
	}
	output := flags.Output(cmd, "text", "json")
	cfg := Config{}.withDefaults()
	set := takeSettings(cmd, &cfg, environ)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := startable(set, cfg, environ)
		switch {
		case *output == "json":
			return errors.Join(writeJSON(cmd.OutOrStdout(), verdictOf(err)), err)
		case err == nil:
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "fine")
		}
		return err
	}
	return cmd
}

// A verdict is what check tells programs.
type verdict struct {
	Fine     bool     `json:"fine"`
	Mistakes []string `json:"mistakes"`
}

func verdictOf(err error) verdict {
	v := verdict{Fine: err == nil, Mistakes: []string{}}
	if err != nil {
		v.Mistakes = strings.Split(err.Error(), "\n")
	}
	return v
}

// startable tells all for which a gateway with these settings would not start,
// as far as that can be known without starting it.
func startable(set *settings.Set, cfg Config, environ []string) error {
	if err := set.Load(environ); err != nil {
		return err
	}
	if err := cfg.check(); err != nil {
		return err
	}
	_, err := (&Gateway{cfg: cfg}).ownRoutes()
	return err
}

const printHelp = `Print shows every setting's value and where it comes from: a flag, a variable, a
line of the file, or the default. It takes the gateway's flags. Passwords in URLs
are not shown.`

const printExample = `  # what is in force with this file, and this variable
  COMMCHANNEL_HOLD=40s gateway config print --config gateway.yaml

  # for programs
  gateway config print -o json

  # a file to begin with
  gateway config print -o yaml > gateway.yaml`

func printCommand(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "print",
		Short:   "Show the settings in force and where they come from",
		Long:    printHelp,
		Example: printExample,
		Args:    flags.NoArguments,
	}
	output := flags.Output(cmd, "text", "json", "yaml")
	cfg := Config{}.withDefaults()
	set := takeSettings(cmd, &cfg, environ)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := startable(set, cfg, environ); err != nil {
			return err
		}
		write := map[string]func(io.Writer, []settings.Setting) error{
			"text": printText, "json": printJSON, "yaml": printYAML,
		}[*output]
		return write(cmd.OutOrStdout(), set.Settings())
	}
	return cmd
}

func printText(w io.Writer, all []settings.Setting) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, orNone(strings.Join(s.Values, ",")), sourceText(s.Source))
	}
	return table.Flush()
}

func sourceText(s settings.Source) string {
	if s.At != "" {
		return s.At
	}
	return string(s.From)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// A printed is a setting for programs.
type printed struct {
	Value any           `json:"value"` // a list where the setting takes several values; null for none
	From  settings.From `json:"from"`
	At    string        `json:"at,omitempty"`
}

func printJSON(w io.Writer, all []settings.Setting) error {
	object := make(map[string]printed, len(all))
	for _, s := range all {
		p := printed{From: s.Source.From, At: s.Source.At}
		switch {
		case s.Many:
			p.Value = append([]string{}, s.Values...)
		case len(s.Values) == 1:
			p.Value = s.Values[0]
		}
		object[s.Name] = p
	}
	return writeJSON(w, object)
}

// printYAML writes a file that can be loaded. What can't be in it, and what has
// no value, is a comment.
func printYAML(w io.Writer, all []settings.Setting) error {
	for _, s := range all {
		var value yaml.Node
		err := value.Encode(s.Values)
		if value.Style = yaml.FlowStyle; err == nil && !s.Many && len(s.Values) == 1 {
			err = value.Encode(s.Values[0])
		}
		if err != nil {
			return err
		}
		text, err := yaml.Marshal(&value)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s: %s  # %s", s.Name, strings.TrimSpace(string(text)), sourceText(s.Source))
		if s.Key == "" || len(s.Values) == 0 {
			line = "# " + line
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

const docHelp = `Doc tells of every setting what it means: its flag, variable and key in the file,
its default and bounds.`

const docExample = `  # to read
  gateway config doc

  # a table of docs/configuration.md
  gateway config doc -o markdown`

func docCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "doc",
		Short:   "Explain every setting",
		Long:    docHelp,
		Example: docExample,
		Args:    flags.NoArguments,
	}
	output := flags.Output(cmd, "text", "json", "markdown")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		write := map[string]func(io.Writer, []settings.Setting) error{
			"text": docText, "json": docJSON, "markdown": docMarkdown,
		}[*output]
		return write(cmd.OutOrStdout(), everySetting())
	}
	return cmd
}

// writeJSON writes a value on one line.
func writeJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}
