package settings

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// A config has a setting of each kind.
type config struct {
	Names  []string
	Hold   time.Duration
	Most   int
	Size   int
	Format string
}

func newSet() (*config, *Set, *pflag.FlagSet) {
	c := &config{Names: []string{"default"}, Hold: 25 * time.Second, Most: 64, Size: 64 << 10, Format: "auto"}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s := New(flags, "TEST_")
	s.AddFile("config", "file")
	s.Add("name", "names", Texts(&c.Names, "name", func(s string) error {
		if strings.Contains(s, "!") {
			return os.ErrInvalid
		}
		return nil
	}))
	s.Add("hold", "time", Duration(&c.Hold, time.Second, 5*time.Minute))
	s.Add("max-most", "number", Int(&c.Most, 1, 100))
	s.Add("size", "size", Bytes(&c.Size, 1<<10, 1<<20))
	s.Add("log-format", "format", OneOf(&c.Format, "auto", "json"))
	return c, s, flags
}

// load puts file (where it isn't empty) into a file, and all three sources
// into a config. What it returns of mistakes has "FILE" for the file's name.
func load(t *testing.T, args, environ []string, file string) (config, []string) {
	t.Helper()
	c, s, flags := newSet()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if file != "" {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	err := flags.Parse(args)
	if err != nil {
		err = s.LoadAfter(err, environ)
	} else {
		err = s.Load(environ)
	}
	if err == nil {
		return *c, nil
	}
	return *c, strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n")
}

func TestLoad(t *testing.T) {
	for _, tt := range []struct {
		name    string
		args    []string
		environ []string
		file    string
		want    config
	}{
		{"defaults", nil, nil, "", config{[]string{"default"}, 25 * time.Second, 64, 64 << 10, "auto"}},
		{"others' variables", nil, []string{"HOME=/", "TESTING=1", "broken"}, "", config{[]string{"default"}, 25 * time.Second, 64, 64 << 10, "auto"}},
		{
			"flags", []string{"--hold", "1m", "--name=a", "--name", "b,c", "--max-most=7", "--size=2KiB", "--log-format=json"}, nil, "",
			config{[]string{"a", "b", "c"}, time.Minute, 7, 2 << 10, "json"},
		},
		{
			"variables", nil, []string{"TEST_HOLD=1m", "TEST_NAME=a, b", "TEST_MAX_MOST=7", "TEST_SIZE=1MiB", "TEST_LOG_FORMAT=json"}, "",
			config{[]string{"a", "b"}, time.Minute, 7, 1 << 20, "json"},
		},
		{
			"file", nil, nil, "# comment\nhold: 1m\nname:\n  - a\n  - b\nmax_most: 7\nsize: 4096\nlog-format: 'json'\n",
			config{[]string{"a", "b"}, time.Minute, 7, 4096, "json"},
		},
		{"file with one of many", nil, nil, "name: a", config{[]string{"a"}, 25 * time.Second, 64, 64 << 10, "auto"}},
		{"file with an anchor", nil, nil, "hold: &h 1m\nname: [*h]", config{[]string{"1m"}, time.Minute, 64, 64 << 10, "auto"}},
		{"file of comments", nil, nil, "# hold: 1m\n", config{[]string{"default"}, 25 * time.Second, 64, 64 << 10, "auto"}},
		{"empty document", nil, nil, "---\n", config{[]string{"default"}, 25 * time.Second, 64, 64 << 10, "auto"}},
		{
			"the stronger source comes first", []string{"--hold=3s", "--name=flag"}, []string{"TEST_HOLD=2s", "TEST_MAX_MOST=2", "TEST_NAME=variable"},
			"hold: 1s\nmax-most: 1\nsize: 1KiB\nname: [file]",
			config{[]string{"flag"}, 3 * time.Second, 2, 1 << 10, "auto"},
		},
		{"an empty variable is none", nil, []string{"TEST_HOLD=", "TEST_NAME="}, "hold: 2s", config{[]string{"default"}, 2 * time.Second, 64, 64 << 10, "auto"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, mistakes := load(t, tt.args, tt.environ, tt.file)
			if mistakes != nil {
				t.Fatalf("mistakes: %q", mistakes)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		args    []string
		environ []string
		file    string
		want    []string
	}{
		{"flag", []string{"--hold=25"}, nil, "", []string{`--hold: "25" is no time; write it with its unit, like 25s or 2m`}},
		{"flags", []string{"--hold=1ms", "--max-most=x", "--size=1G", "--log-format=xml", "--name=a,b!"}, nil, "", []string{
			`--hold: 1ms is not from 1s to 5m`,
			`--max-most: "x" is no whole number`,
			`--size: "1G" is no size; write 65536 or 64KiB`,
			`--log-format: "xml" is none of auto, json`,
			`--name: invalid argument`,
		}},
		{"bounds", []string{"--max-most=0", "--max-most=101", "--size=1", "--size=9999999999999GiB"}, nil, "", []string{
			`--max-most: 0 is not from 1 to 100`,
			`--max-most: 101 is not from 1 to 100`,
			`--size: 1 is not from 1KiB to 1MiB`,
			`--size: "9999999999999GiB" is no size; write 65536 or 64KiB`,
		}},
		{"unknown flag", []string{"--hodl=1s"}, nil, "", []string{`--hodl: unknown flag; did you mean --hold?`}},
		{"unknown flag and the rest", []string{"--hodl=1s"}, []string{"TEST_SIZE=x"}, "", []string{
			`--hodl: unknown flag; did you mean --hold?`, `TEST_SIZE: "x" is no size; write 65536 or 64KiB`,
		}},
		{"variable", nil, []string{"TEST_HOLD=x"}, "", []string{`TEST_HOLD: "x" is no time; write it with its unit, like 25s or 2m`}},
		{"unknown variable", nil, []string{"TEST_MAX_MOTS=1", "TEST_ZZZZZZZZ="}, "", []string{
			`TEST_MAX_MOTS: unknown variable; did you mean TEST_MAX_MOST?`, `TEST_ZZZZZZZZ: unknown variable`,
		}},
		{"value in the file", nil, nil, "\n# comment\nhold: 25\n", []string{`FILE:3: hold: "25" is no time; write it with its unit, like 25s or 2m`}},
		{"unknown keys", nil, nil, "holt: 1s\nwhatever: 2\n", []string{
			`FILE:1: holt: unknown key; did you mean hold?`, `FILE:2: whatever: unknown key`,
		}},
		{"key twice", nil, nil, "max-most: 1\nsize: 1KiB\nmax_most: 2\n", []string{`FILE:3: max_most: was set in line 1`}},
		{"the file in the file", nil, nil, "config: other.yaml\n", []string{`FILE:1: config: can't be set in the file`}},
		{"no value", nil, nil, "hold:\nname:\n  - a\n  -\n", []string{
			`FILE:1: hold: has no value`, `FILE:4: name: a list has plain values`,
		}},
		{"list for one", nil, nil, "hold: [1s, 2s]\n", []string{`FILE:1: hold: takes one value, not a list`}},
		{"empty list", nil, nil, "name: []\n", []string{`FILE:1: name: the list is empty; leave the key out`}},
		{"one of a list", nil, nil, "name:\n  - a\n  - b!\n  - {}\n", []string{
			`FILE:3: name: invalid argument`, `FILE:4: name: a list has plain values`,
		}},
		{"mapping for a value", nil, nil, "hold:\n  max: 1s\n", []string{`FILE:2: hold: takes a value, not a mapping`}},
		{"no mapping", nil, nil, "- hold\n", []string{`FILE:1: settings are written as name: value`}},
		{"text", nil, nil, "hold\n", []string{`FILE:1: settings are written as name: value`}},
		{"two documents", nil, nil, "hold: 1s\n---\nhold: 2s\n", []string{`FILE: has more than one document`}},
		{"no YAML", nil, nil, "hold: 1s\n  size: [\n", []string{`FILE:2: mapping values are not allowed in this context`}},
		{"merge key", nil, nil, "<<: {hold: 1s}\n", []string{`FILE:1: <<: unknown key`}},
		{"overridden, and wrong all the same", []string{"--hold=1s"}, []string{"TEST_HOLD=x"}, "hold: y\n", []string{
			`TEST_HOLD: "x" is no time; write it with its unit, like 25s or 2m`,
			`FILE:1: hold: "y" is no time; write it with its unit, like 25s or 2m`,
		}},
		{"all sources", []string{"--hold=x"}, []string{"TEST_SIZE=y"}, "log-format: z\n", []string{
			`--hold: "x" is no time; write it with its unit, like 25s or 2m`,
			`TEST_SIZE: "y" is no size; write 65536 or 64KiB`,
			`FILE:1: log-format: "z" is none of auto, json`,
		}},
		{"too large", nil, nil, "#" + strings.Repeat("x", maxFile), []string{`FILE: is larger than 1048576 bytes`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := load(t, tt.args, tt.environ, tt.file)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("mistakes:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	_, s, _ := newSet()
	err := s.Load([]string{"TEST_CONFIG=/does/not/exist.yaml"})
	if err == nil || !strings.Contains(err.Error(), "/does/not/exist.yaml") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestCheck(t *testing.T) {
	c, s, _ := newSet()
	if got := s.Check(); got != nil {
		t.Errorf("defaults: got %v, want no mistake", got)
	}
	c.Hold, c.Names = time.Millisecond, []string{"a", "b!"}
	if got, want := s.Check().Error(), "hold: 1ms is not from 1s to 5m\nname: invalid argument"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShownValuesCanBeSet(t *testing.T) {
	_, s, flags := newSet()
	for _, tt := range []struct{ name, text, shown string }{
		{"hold", "300s", "5m"}, {"hold", "90s", "1m30s"}, {"hold", "1500ms", "1.5s"},
		{"size", "2048", "2KiB"}, {"size", "1048576", "1MiB"}, {"size", "1025", "1025"},
		{"name", "a , b", "a,b"},
	} {
		v := s.values[tt.name]
		if err := v.Set(tt.text); err != nil {
			t.Fatalf("set %s: %v", tt.text, err)
		}
		if got := flags.Lookup(tt.name).Value.String(); got != tt.shown {
			t.Errorf("%s: shown as %q, want %q", tt.text, got, tt.shown)
		}
		if err := v.Check(v.String()); err != nil {
			t.Errorf("%s: what is shown can't be set: %v", tt.text, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("hold: 1s\nname: [a, b]\nmax_most: 7\n")
	f.Add("a: &a [*a]\n<<: *a\n? [x]\n: y\n--- \n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, s, _ := newSet()
		if err := s.Load([]string{"TEST_CONFIG=" + path}); err != nil {
			return
		}
		// What was taken is within its bounds.
		if c.Hold < time.Second || c.Hold > 5*time.Minute || c.Most < 1 || c.Most > 100 {
			t.Errorf("taken out of bounds: %+v", c)
		}
	})
}

// What a setting is, and where it comes from.
func TestSettings(t *testing.T) {
	_, s, flags := newSet()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(path, []byte("hold: 1s\nsize: 2KiB\nname:\n  - a\n  - redis://me:secret@b\nlog-format: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := flags.Parse([]string{"--hold=3s", "--config", path}); err != nil {
		t.Fatal(err)
	}
	if err := s.Load([]string{"TEST_SIZE=4KiB", "TEST_LOG_FORMAT="}); err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{Name: "config", Variable: "TEST_CONFIG", Meaning: "file", Values: []string{path}, Source: Source{FromFlag, "--config"}},
		{
			Name: "name", Variable: "TEST_NAME", Key: "name", Default: "default", Meaning: "names", Many: true,
			Values: []string{"a", "redis://me:xxxxx@b"}, Source: Source{FromFile, path + ":4"},
		},
		{
			Name: "hold", Variable: "TEST_HOLD", Key: "hold", Default: "25s", Meaning: "time", Bounds: "1s to 5m",
			Values: []string{"3s"}, Source: Source{FromFlag, "--hold"},
		},
		{
			Name: "max-most", Variable: "TEST_MAX_MOST", Key: "max-most", Default: "64", Meaning: "number", Bounds: "1 to 100",
			Values: []string{"64"}, Source: Source{From: FromDefault},
		},
		{
			Name: "size", Variable: "TEST_SIZE", Key: "size", Default: "64KiB", Meaning: "size", Bounds: "1KiB to 1MiB",
			Values: []string{"4KiB"}, Source: Source{FromVariable, "TEST_SIZE"},
		},
		{
			Name: "log-format", Variable: "TEST_LOG_FORMAT", Key: "log-format", Default: "auto", Meaning: "format", Bounds: "auto, json",
			Values: []string{"json"}, Source: Source{FromFile, path + ":6"},
		},
	}
	if diff := cmp.Diff(want, s.Settings()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Words("log-format"); !reflect.DeepEqual(got, []string{"auto", "json"}) {
		t.Errorf("words of log-format: got %q", got)
	}
	if got := s.Words("hold"); got != nil {
		t.Errorf("words of hold: got %q, want none", got)
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"memcache://cache:11211?layout=log":         "memcache://cache:11211?layout=log",
		"redis://me:secret@cache:6379/1":            "redis://me:xxxxx@cache:6379/1",
		"redis://:s:e@c@cache":                      "redis://:xxxxx@cache",
		"redis://me@cache":                          "redis://me@cache",
		"redis://cache?db=1&password=secret&pool=2": "redis://cache?db=1&password=xxxxx&pool=2",
		"redis://cache?Auth_Token=a%26b":            "redis://cache?Auth_Token=xxxxx",
		"https://a.example,https://b.example":       "https://a.example,https://b.example",
		"plain text with a key=value":               "plain text with a key=value",
	} {
		if got := Redact(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
