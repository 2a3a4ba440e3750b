package gateway

import (
	"testing"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
)

func TestFormatRules(t *testing.T) {
	var rules []FormatRule
	for _, s := range []string{"obj_*=native", "*.log=raw", "obj*=raw", "a=b=raw"} {
		r, err := parseFormat(s)
		if err != nil || r.String() != s {
			t.Fatalf("%q: got %v %v", s, r, err)
		}
		rules = append(rules, r)
	}
	for channel, want := range map[string]protocol.Format{
		"obj_1":     phpserial.Format{},
		"obj_":      phpserial.Format{},
		"object":    protocol.FormatRaw,
		"x.log":     protocol.FormatRaw,
		"x.logs":    protocol.FormatJSON,
		"xlog":      protocol.FormatJSON,
		"a=b":       protocol.FormatRaw,
		"room":      protocol.FormatJSON,
		"pre_obj_1": protocol.FormatJSON,
	} {
		if got := formatOf(rules)(channel); got != want {
			t.Errorf("%s: got %T, want %T", channel, got, want)
		}
	}
	for _, bad := range []string{"", "x", "=raw", "x=", "x=xml", "\xff=raw"} {
		if _, err := parseFormat(bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}
