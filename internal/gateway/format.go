package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
)

// A FormatRule says how the messages of some channels are written.
type FormatRule struct {
	Pattern string // of channel names; "*" stands for any run of bytes
	Name    string // json, raw or native

	names  *regexp.Regexp
	format protocol.Format
}

var formats = map[string]protocol.Format{
	"json":   protocol.FormatJSON,
	"raw":    protocol.FormatRaw,
	"native": phpserial.Format{},
}

// parseFormat reads pattern=name.
func parseFormat(s string) (FormatRule, error) {
	i := strings.LastIndexByte(s, '=')
	if i < 1 {
		return FormatRule{}, fmt.Errorf("%q: write pattern=json, pattern=raw or pattern=native", s)
	}
	r := FormatRule{Pattern: s[:i], Name: s[i+1:]}
	if r.format = formats[r.Name]; r.format == nil {
		return r, fmt.Errorf("%q: there is no format %q; there are json, raw and native", s, r.Name)
	}
	var err error
	r.names, err = parsePattern(r.Pattern)
	return r, err
}

func (r FormatRule) String() string { return r.Pattern + "=" + r.Name }

// formatOf is the format of the first rule that a channel's name matches, and
// JSON without one. The rules have been checked.
func formatOf(rules []FormatRule) func(channel string) protocol.Format {
	rules = slices.Clone(rules)
	for i, r := range rules { // they may have been made by hand
		rules[i], _ = parseFormat(r.String())
	}
	return func(channel string) protocol.Format {
		for _, r := range rules {
			if r.names.MatchString(channel) {
				return r.format
			}
		}
		return protocol.FormatJSON
	}
}
