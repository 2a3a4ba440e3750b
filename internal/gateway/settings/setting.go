package settings

import (
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// A From is a kind of source.
type From string

// Where a setting's value may come from, the strongest first.
const (
	FromFlag     From = "flag"
	FromVariable From = "variable"
	FromFile     From = "file"
	FromDefault  From = "default"
)

// A Source is where a setting's value comes from.
type Source struct {
	From From
	At   string // --name, PREFIX_NAME or file:line; "" for a default
}

// A Setting is all there is to tell of one.
type Setting struct {
	Name     string
	Variable string
	Key      string // in the file; "" for what can't be there
	Default  string // "" where there is none
	Meaning  string
	Bounds   string // in words; may be empty
	Many     bool   // it may be given more than once

	// As they are after Load, with [Redact]'s word for secrets.
	Values []string // none, one, or where Many any number
	Source Source
}

// Settings are all of them, as they were added.
func (s *Set) Settings() []Setting {
	all := make([]Setting, len(s.order))
	for i, name := range s.order {
		all[i] = s.setting(s.flags.Lookup(name), s.values[name])
	}
	return all
}

func (s *Set) setting(f *pflag.Flag, v Value) Setting {
	_, meaning := pflag.UnquoteUsage(f)
	is := Setting{
		Name: f.Name, Variable: s.Variable(f.Name), Key: f.Name,
		Default: f.DefValue, Meaning: meaning, Many: v.Many(), Source: Source{From: FromDefault},
	}
	if s.alone[f.Name] {
		is.Key = ""
	}
	if from, ok := s.sources[f.Name]; ok {
		is.Source = from
	}
	if bounded, ok := v.(interface{ Bounds() string }); ok {
		is.Bounds = bounded.Bounds()
	}
	switch text := Redact(v.String()); {
	case text == "":
	case is.Many:
		is.Values = strings.Split(text, ",")
	default:
		is.Values = []string{text}
	}
	return is
}

// Words are all that a setting can be, where they are few; else nil.
func (s *Set) Words(name string) []string {
	if few, ok := s.values[name].(interface{ Words() []string }); ok {
		return few.Words()
	}
	return nil
}

// Redact hides what is secret in a URL: the password of its user, and
// parameters whose names say so.
func Redact(text string) string {
	text = regexp.MustCompile(`(://[^/?#@:]*):[^/?#]*@`).ReplaceAllString(text, "$1:"+hidden+"@")
	return regexp.MustCompile(`(?i)([?&][^=&]*(?:pass|secret|token|key|auth)[^=&]*)=[^&#]*`).ReplaceAllString(text, "$1="+hidden)
}

// hidden stands for a secret.
const hidden = "xxxxx"
