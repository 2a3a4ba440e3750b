// Package settings fills a program's configuration from its command line, its
// environment and a YAML file.
//
// A setting is defined once, as a flag with a [Value] that knows what it may
// be. The same value then serves PREFIX_NAME in the environment and name in
// the file. The command line comes before the environment, and that before
// the file. Nothing is taken that isn't known, and all mistakes are told at
// once, each with its place.
package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A Value is a setting's. Set and Check tell why a text can't be it.
type Value interface {
	pflag.Value
	// Check is Set without taking the text.
	Check(text string) error
	// Many reports whether the setting may be given more than once.
	Many() bool
}

// A Set holds settings.
type Set struct {
	flags  *pflag.FlagSet
	prefix string // of variables, with its "_"
	file   string // the file's name; empty: none

	values   map[string]Value
	order    []string          // the names, as they were added
	sources  map[string]Source // of those that are not at their default
	alone    map[string]bool   // settings that can't be in the file
	mistakes Mistakes
}

// New makes a Set whose settings are flags of flags, and variables that begin
// with prefix.
func New(flags *pflag.FlagSet, prefix string) *Set {
	return &Set{
		flags: flags, prefix: prefix,
		values: make(map[string]Value), sources: make(map[string]Source), alone: make(map[string]bool),
	}
}

// Add defines a setting. The usage's word in back quotes is the value's name
// in the help.
func (s *Set) Add(name, usage string, v Value) {
	s.values[name] = v
	s.order = append(s.order, name)
	s.flags.Var(&recorder{v, s, name}, name, usage)
}

// AddFile defines the setting which names the file.
func (s *Set) AddFile(name, usage string) {
	s.Add(name, usage, Text(&s.file, func(string) error { return nil }))
	s.alone[name] = true
}

// Variable is the environment variable for a setting.
func (s *Set) Variable(name string) string {
	return s.prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Names are the names of all settings, sorted.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.values))
	for name := range s.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Load adds what environ (as os.Environ has it) and the file say to what the
// flags, parsed before, have said. Its error is Mistakes, with those of the
// command line in front.
func (s *Set) Load(environ []string) error {
	taken := make(map[string]bool)
	s.flags.Visit(func(f *pflag.Flag) { taken[f.Name] = true })
	s.loadEnviron(environ, taken)
	if s.file != "" {
		s.loadFile(s.file, taken)
	}
	if len(s.mistakes) == 0 {
		return nil
	}
	return s.mistakes
}

// LoadAfter is Load where flags could not be parsed to the end: err, pflag's,
// is one of the mistakes, and has the known flag that is nearly the unknown
// one.
func (s *Set) LoadAfter(err error, environ []string) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		flags := s.Names()
		for i := range flags {
			flags[i] = "--" + flags[i]
		}
		flag := "--" + unknown.GetSpecifiedName()
		err = fmt.Errorf("%s: unknown flag%s", flag, didYouMean(flag, flags))
	}
	s.mistakes = append(s.mistakes, err)
	return s.Load(environ)
}

// Check tells which values, as they are, no text could have set.
func (s *Set) Check() Mistakes {
	var wrong Mistakes
	for _, name := range s.Names() {
		v := s.values[name]
		if text := v.String(); text != "" {
			if err := v.Check(text); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return wrong
}

func (s *Set) loadEnviron(environ []string, taken map[string]bool) {
	byVariable := make(map[string]string)
	for name := range s.values {
		byVariable[s.Variable(name)] = name
	}
	here := make(map[string]bool)
	for _, pair := range environ {
		variable, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(variable, s.prefix) {
			continue
		}
		name, ok := byVariable[variable]
		switch {
		case !ok:
			s.mistake("%s: unknown variable%s", variable, didYouMean(variable, keys(byVariable)))
		case text != "": // an empty variable is as good as none
			s.apply(Source{FromVariable, variable}, variable, name, []string{text}, taken)
			here[name] = true
		}
	}
	for name := range here {
		taken[name] = true
	}
}

// apply gives a setting its texts from one source, or only checks them where
// a stronger source was there before.
func (s *Set) apply(from Source, where, name string, texts []string, taken map[string]bool) {
	use := s.values[name].Set
	if taken[name] {
		use = s.values[name].Check
	} else if _, begun := s.sources[name]; !begun { // of a list, the first line
		s.sources[name] = from
	}
	for _, text := range texts {
		if err := use(text); err != nil {
			s.mistake("%s: %w", where, err)
		}
	}
}

func (s *Set) mistake(format string, args ...any) {
	s.mistakes = append(s.mistakes, fmt.Errorf(format, args...))
}

// A recorder stands between pflag and a Value: pflag gives up at the first
// mistake.
type recorder struct {
	Value
	set  *Set
	name string
}

func (r *recorder) Set(text string) error {
	r.set.sources[r.name] = Source{FromFlag, "--" + r.name}
	if err := r.Value.Set(text); err != nil {
		r.set.mistake("--%s: %w", r.name, err)
	}
	return nil
}

// Mistakes are all that is wrong, one each.
type Mistakes []error

func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, err := range m {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As see each of them.
func (m Mistakes) Unwrap() []error { return m }

func keys(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
