package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// parsePattern reads a pattern of channel names, in which "*" stands for any
// run of bytes.
func parsePattern(s string) (*regexp.Regexp, error) {
	if s == "" {
		return nil, errors.New(`the pattern is empty; "*" is for all channels`)
	}
	names, err := regexp.Compile("^" + strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, `(?s:.*)`) + "$")
	if err != nil {
		return nil, fmt.Errorf("%q: the pattern is not valid UTF-8", s)
	}
	return names, nil
}

func checkPattern(s string) error {
	_, err := parsePattern(s)
	return err
}

// matchAny reports of a channel's name whether one of the patterns matches it,
// and is nil without any. They have been checked.
func matchAny(patterns []string) func(channel string) bool {
	if len(patterns) == 0 {
		return nil
	}
	all := make([]*regexp.Regexp, len(patterns))
	for i, s := range patterns {
		all[i], _ = parsePattern(s)
	}
	return func(channel string) bool {
		for _, names := range all {
			if names.MatchString(channel) {
				return true
			}
		}
		return false
	}
}
