package gateway

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/commchannel/gateway/internal/gateway/settings"
)

// everySetting is what a gateway that was told nothing goes by.
func everySetting() []settings.Setting {
	cfg := Config{}.withDefaults()
	return cfg.settings(pflag.NewFlagSet("", pflag.ContinueOnError)).Settings()
}

// boundsOf are in words what a setting may be, "" for what they can't tell.
func boundsOf(s settings.Setting) string {
	bounds := []string{}
	if s.Bounds != "" {
		bounds = append(bounds, s.Bounds)
	}
	if s.Many {
		bounds = append(bounds, "several")
	}
	return strings.Join(bounds, ", ")
}

// meaningOf is without what boundsOf tells.
func meaningOf(s settings.Setting) string { return strings.TrimSuffix(s.Meaning, " (repeatable)") }

func docText(w io.Writer, all []settings.Setting) error {
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		names := "--" + s.Name + ", " + s.Variable
		if s.Key != "" {
			names += ", in the file " + s.Key
		}
		facts := []string{"default " + orNone(s.Default)}
		if s.Default == "" {
			facts[0] = "no default"
		}
		if bounds := boundsOf(s); bounds != "" {
			facts = append(facts, bounds)
		}
		_, err := fmt.Fprintf(w, "%s\n    %s\n    (%s)\n", names, meaningOf(s), strings.Join(facts, "; "))
		if err != nil {
			return err
		}
	}
	return nil
}

// docMarkdown writes the table of docs/configuration.md.
func docMarkdown(w io.Writer, all []settings.Setting) error {
	lines := []string{"| flag | variable | file | default | bounds | meaning |", "|---|---|---|---|---|---|"}
	for _, s := range all {
		cells := []string{code("--" + s.Name), code(s.Variable), code(s.Key), cmp.Or(code(s.Default), "none"), boundsOf(s), meaningOf(s)}
		line := "|"
		for _, cell := range cells {
			if cell != "" {
				line += " " + strings.ReplaceAll(cell, "|", `\|`)
			}
			line += " |"
		}
		lines = append(lines, line)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// A docSetting explains one to programs.
type docSetting struct {
	Name     string `json:"name"`
	Flag     string `json:"flag"`
	Variable string `json:"variable"`
	Key      string `json:"key,omitempty"` // in the file
	Default  string `json:"default"`
	Bounds   string `json:"bounds"`
	Several  bool   `json:"several"`
	Meaning  string `json:"meaning"`
}

func docJSON(w io.Writer, all []settings.Setting) error {
	list := make([]docSetting, len(all))
	for i, s := range all {
		list[i] = docSetting{
			Name: s.Name, Flag: "--" + s.Name, Variable: s.Variable, Key: s.Key,
			Default: s.Default, Bounds: s.Bounds, Several: s.Many, Meaning: meaningOf(s),
		}
	}
	return writeJSON(w, map[string][]docSetting{"settings": list})
}
