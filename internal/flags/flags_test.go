package flags

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/gateway/settings"
)

// program is one with a command that has an output, and arguments.
func program() (root *cobra.Command, output *string) {
	root = &cobra.Command{Use: "program", Args: NoArguments, SilenceErrors: true, SilenceUsage: true, RunE: nothing}
	show := &cobra.Command{Use: "show NAME [PART]", Args: Arguments(1, 2), RunE: nothing}
	output = Output(show, "text", "json")
	list := &cobra.Command{Use: "list", Args: NoArguments, RunE: nothing}
	any := &cobra.Command{Use: "any NAME...", Args: Arguments(1, 0), RunE: nothing}
	any.Flags().String("from", "", "")
	Free(any, "from")
	root.AddCommand(show, list, any)
	root.SetErr(io.Discard)
	return root, output
}

func nothing(*cobra.Command, []string) error { return nil }

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string // "": it is fine
	}{
		{"none", nil, ""},
		{"a command that is not there", []string{"start"}, `program: unknown command "start"; see program --help`},
		{"one that is nearly there", []string{"shwo"}, `program: unknown command "shwo", did you mean show?; see program --help`},
		{"none, where none is wanted", []string{"list"}, ""},
		{"one, where none is wanted", []string{"list", "x"}, `program list: got "x", want no arguments; see program list --help`},
		{"too few", []string{"show"}, "program show: got 0 arguments, want NAME [PART]; see program show --help"},
		{"enough", []string{"show", "x"}, ""},
		{"as many as may be", []string{"show", "x", "y"}, ""},
		{"too many", []string{"show", "x", "y", "z"}, "program show: got 3 arguments, want NAME [PART]; see program show --help"},
		{"any number", []string{"any", "x", "y", "z"}, ""},
		{"none of any number", []string{"any"}, "program any: got 0 arguments, want NAME...; see program any --help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, _ := program()
			root.SetArgs(append([]string{}, tt.args...))
			err := root.ExecuteContext(t.Context())
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want it to be fine", err)
				}
				return
			}
			if _, mistake := errors.AsType[settings.Mistakes](err); !mistake || err.Error() != tt.want {
				t.Errorf("got %v, want the mistake %q", err, tt.want)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
		fine bool
	}{
		{[]string{"show", "x"}, "text", true},
		{[]string{"show", "x", "-o", "json"}, "json", true},
		{[]string{"show", "x", "--output=text"}, "text", true},
		{[]string{"show", "x", "-o", "xml"}, "text", false},
	} {
		root, output := program()
		root.SetArgs(tt.args)
		if err := root.ExecuteContext(t.Context()); (err == nil) != tt.fine || *output != tt.want {
			t.Errorf("%q: got %q, %v, want %q and it fine: %t", tt.args, *output, err, tt.want, tt.fine)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, tt := range []struct{ flag, want string }{{"--output", "text\njson\n:4\n"}, {"--from", ":4\n"}} {
		root, _ := program()
		var out bytes.Buffer
		root.SetOut(&out)
		command := map[string]string{"--output": "show", "--from": "any"}[tt.flag]
		root.SetArgs([]string{cobra.ShellCompRequestCmd, command, tt.flag, ""})
		if err := root.ExecuteContext(t.Context()); err != nil || out.String() != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.flag, out.String(), err, tt.want)
		}
	}
}

func TestFlagThatIsNotThere(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic, want one: the program's own fault is not to go unnoticed")
		}
	}()
	Free(&cobra.Command{Use: "show"}, "from")
}
