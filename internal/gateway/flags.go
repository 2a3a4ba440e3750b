package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
)

// takeSettings gives cmd the gateway's flags. What they say is in cfg, once the
// Set was loaded by whoever runs cmd.
func takeSettings(cmd *cobra.Command, cfg *Config, environ []string) *settings.Set {
	cmd.Flags().SortFlags = false
	set := cfg.settings(cmd.Flags())
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c != cmd { // one below cmd, with flags of its own
			return settings.Mistakes{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
		}
		return set.LoadAfter(err, environ)
	})
	for _, name := range set.Names() {
		flags.Complete(cmd, name, completions(set, name))
	}
	return set
}

// completions are what a shell offers for a setting's value.
func completions(set *settings.Set, name string) cobra.CompletionFunc {
	switch name {
	case "config":
		return completeFile
	case "store":
		return completeStore
	case "format":
		return completeFormat
	}
	return flags.Words(set.Words(name)...)
}

// storeExample is where a memcached usually is.
const storeExample = "memcache://127.0.0.1:11211"

// completeFile offers YAML files.
func completeFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeMemcached offers a memcached where it usually is.
func completeMemcached(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{storeExample, storeExample + "?layout=log"}, cobra.ShellCompDirectiveNoFileComp
}

// completeStore offers all stores.
func completeStore(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	offers, directive := completeMemcached(cmd, args, begun)
	return append([]string{"memory://"}, offers...), directive
}

// completeFormat offers the formats behind a pattern.
func completeFormat(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	pattern, _, ok := strings.Cut(begun, "=")
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	var offers []string
	for name := range formats {
		offers = append(offers, pattern+"="+name)
	}
	slices.Sort(offers)
	return offers, cobra.ShellCompDirectiveNoFileComp
}
