package gateway

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// say runs the program to its end, and returns what it has written.
func say(t *testing.T, environ []string, args ...string) (stdout string, err error) {
	t.Helper()
	cmd := Command("v0", environ)
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(new(bytes.Buffer))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// configFile is a file with settings, and its path.
func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What can't be started is said without starting it, in the same words.
func TestConfigCheckIsAsTheStart(t *testing.T) {
	for name, tt := range map[string]struct {
		args, environ []string
		file          string
	}{
		"flags":       {[]string{"--listen=8080", "--hold=x"}, nil, ""},
		"unknown":     {[]string{"--hodl=25s"}, []string{"COMMCHANNEL_LAG=y"}, ""},
		"all sources": {[]string{"--hold=x"}, []string{"COMMCHANNEL_LAG=y"}, "grace: 0s\n"},
		"file":        {nil, nil, "hold: 25s\nlag: [1MiB]\nstroe: memory://\n"},
		"no file":     {[]string{"--config=/nowhere/gateway.yaml"}, nil, ""},
		"together":    {[]string{"--max-message=1MiB", "--path=/a,/a"}, nil, ""},
		"own path":    {[]string{"--path=/healthz,/b,/readyz"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := tt.args
			if tt.file != "" {
				args = append(args, "--config="+configFile(t, tt.file))
			}
			_, want := say(t, tt.environ, args...)
			out, got := say(t, tt.environ, append([]string{"config", "check"}, args...)...)
			if want == nil || got == nil || got.Error() != want.Error() || ExitCode(got) != 2 || out != "" {
				t.Errorf("got %v and %q, want exit code 2 and %v", got, out, want)
			}
		})
	}
}

func TestConfigCheckSaysFine(t *testing.T) {
	file := configFile(t, "hold: 30s\norigin: [https://shop.example]\n")
	out, err := say(t, []string{"COMMCHANNEL_LAG=2MiB", "HOME=/"}, "config", "check", "--config", file, "--listen=:80")
	if err != nil || out != "fine\n" {
		t.Errorf("got %q and %v, want fine", out, err)
	}
	if out, err = say(t, nil, "config", "check", "-o", "json"); err != nil || out != `{"fine":true,"mistakes":[]}`+"\n" {
		t.Errorf("for programs: got %q and %v", out, err)
	}
	out, err = say(t, []string{"COMMCHANNEL_HOLD=25"}, "config", "check", "-o", "json", "--lag", "x")
	var got verdict
	if ExitCode(err) != 2 || json.Unmarshal([]byte(out), &got) != nil || got.Fine || len(got.Mistakes) != 2 {
		t.Errorf("two mistakes, for programs: got %q and %v", out, err)
	}
}

const printedText = `config         FILE                                 --config
listen         127.0.0.1:8080                       default
store          memcache://cache:11211?prefix=shop_  COMMCHANNEL_STORE
path           /push                                FILE:3
format         jobs_*=native,log=raw                FILE:2
presence       none                                 default
origin         https://a.example,https://b.example  --origin
host           none                                 default
trusted-proxy  10.0.0.0/8                           COMMCHANNEL_TRUSTED_PROXY
hold           30s                                  --hold
ping           25s                                  default
max-message    64KiB                                default
max-channels   64                                   default
lag            1MiB                                 default
compression    0                                    default
sweep-pause    0s                                   default
grace          1m                                   FILE:4
log-format     auto                                 default
log-level      info                                 default
`

func TestConfigPrint(t *testing.T) {
	file := configFile(t, "hold: 5s\nformat: ['jobs_*=native', log=raw]\npath: /push\ngrace: 60s\n")
	environ := []string{"COMMCHANNEL_STORE=memcache://cache:11211?prefix=shop_", "COMMCHANNEL_TRUSTED_PROXY=10.0.0.0/8", "COMMCHANNEL_HOLD=7s"}
	args := []string{"config", "print", "--config", file, "--hold=30s", "--origin", "https://a.example", "--origin", "https://b.example"}
	out, err := say(t, environ, args...)
	if got := strings.ReplaceAll(out, file, "FILE"); err != nil || squeeze(got) != squeeze(printedText) {
		t.Errorf("got %v and\n%s\nwant\n%s", err, got, printedText)
	}

	out, err = say(t, environ, append(args, "-o", "json")...)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]printed{}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if p := got["hold"]; p.Value != "30s" || p.From != "flag" || p.At != "--hold" {
		t.Errorf("hold: got %+v", p)
	}
	if p := got["format"]; len(p.Value.([]any)) != 2 || p.From != "file" || p.At != file+":2" {
		t.Errorf("format: got %+v", p)
	}
	if p := got["presence"]; len(p.Value.([]any)) != 0 || p.From != "default" {
		t.Errorf("presence: got %+v", p)
	}
}

// squeeze makes one space of several: how wide a column is hangs on the
// longest name of a file.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// What is printed as YAML is the same configuration.
func TestConfigPrintYAML(t *testing.T) {
	environ := []string{
		"COMMCHANNEL_ORIGIN=null,https://*.shop.example,*", "COMMCHANNEL_STORE=memory://?messages=5", "COMMCHANNEL_FORMAT=#a=raw,'b: c=json",
		"COMMCHANNEL_MAX_CHANNELS=7", "COMMCHANNEL_LISTEN=:0,[::1]:80",
	}
	out, err := say(t, environ, "config", "print", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	again, err := say(t, nil, "config", "print", "-o", "yaml", "--config", configFile(t, out))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	first, second := strings.Split(out, "\n"), strings.Split(again, "\n")
	for i := range first {
		value, _, _ := strings.Cut(first[i], "  #")
		if value2, _, _ := strings.Cut(second[i], "  #"); value != value2 && !strings.HasPrefix(value, "# config") {
			t.Errorf("line %d: got %s, want %s", i+1, second[i], first[i])
		}
	}
}

// The documentation's table is what the program tells of itself.
func TestConfigDoc(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := say(t, nil, "config", "doc", "-o", "markdown")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n\n"+table+"\n") {
		t.Errorf("docs/configuration.md does not have the table that \"gateway config doc -o markdown\" writes:\n%s", table)
	}

	text, err := say(t, nil, "config", "doc")
	if err != nil {
		t.Fatal(err)
	}
	out, err := say(t, nil, "config", "doc", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Settings []docSetting }
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if got, want := len(doc.Settings), len(everySetting()); got != want {
		t.Errorf("for programs: got %d settings, want %d", got, want)
	}
	for _, s := range doc.Settings {
		if s.Meaning == "" || !strings.Contains(text, s.Flag+", "+s.Variable) || !strings.Contains(text, s.Meaning) {
			t.Errorf("%s is not explained: %+v", s.Name, s)
		}
	}
}

// What a shell is offered for flags' values.
func TestCompletion(t *testing.T) {
	for _, tt := range []struct {
		line string
		want string // the offers, one a line
	}{
		{"--log-level|", "debug\ninfo\nwarn\nerror"},
		{"--store|", "memory://\nmemcache://127.0.0.1:11211\nmemcache://127.0.0.1:11211?layout=log"},
		{"--format|jobs_*=", "jobs_*=json\njobs_*=native\njobs_*=raw"},
		{"--hold|", ""},
		{"--config|", "yaml\nyml"},
		{"config|print|--output|", "text\njson\nyaml"},
		{"config|check|--log-format|", "auto\nconsole\njson"},
		{"inspect|-o|", "text\njson"},
		{"inspect|chan", ""},
	} {
		t.Run(tt.line, func(t *testing.T) {
			out, err := say(t, nil, append([]string{"__completeNoDesc"}, strings.Split(tt.line, "|")...)...)
			offers, directive, _ := strings.Cut("\n"+out, "\n:")
			if got := strings.TrimPrefix(offers, "\n"); err != nil || got != tt.want || directive == "" {
				t.Errorf("got %q and %v, want %q", out, err, tt.want)
			}
		})
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, err := say(t, nil, "completion", shell); err != nil || !strings.Contains(out, "gateway") {
			t.Errorf("%s: got %d bytes and %v", shell, len(out), err)
		}
	}
}

// Wrong usage has the exit code 2, and says where to read more.
func TestUsageOfCommands(t *testing.T) {
	for _, tt := range []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"a flag", []string{"inspect", "--nothing", "x"}, nil, "unknown flag: --nothing; see gateway inspect --help"},
		{"a format", []string{"inspect", "-o", "xml", "x"}, nil, `"xml" is none of text, json`},
		{"two channels", []string{"inspect", "a", "b"}, nil, "gateway inspect: got 2 arguments, want [CHANNEL]; see gateway inspect --help"},
		{"no memcached", []string{"inspect", "a"}, nil, "name a memcached, like memcache://127.0.0.1:11211"},
		{"no store", []string{"inspect", "--store", "mysql://a", "x"}, nil, "begins with memory:// or memcache://"},
		{"a variable", []string{"inspect", "x"}, []string{"COMMCHANNEL_STORE=memcache://"}, "COMMCHANNEL_STORE: "},
		{"a file", []string{"inspect", "x", "--config", "/nowhere/gateway.yaml"}, nil, "/nowhere/gateway.yaml"},
		{"a channel", []string{"inspect", "--store", "memcache://127.0.0.1", "lock_a"}, nil, `begins with "lock_"`},
		{"a sub-command", []string{"config", "chekc"}, nil, `gateway config: unknown command "chekc", did you mean check?; see gateway config --help`},
		{"a command", []string{"presenc"}, nil, `gateway: unknown command "presenc", did you mean presence?; see gateway --help`},
		{"a command like no other", []string{"subscriptions"}, nil, `gateway: unknown command "subscriptions"; see gateway --help`},
		{"an argument", []string{"bench", "room"}, nil, `gateway bench: got "room", want no arguments; see gateway bench --help`},
		{"a transport of bench", []string{"bench", "--transport", "pigeon"}, nil, `"pigeon" is none of websocket, longpoll, poll`},
		{"a URL of bench", []string{"bench", "--url", "room"}, nil, `"room" is no URL of a server`},
		{"a size of bench", []string{"bench", "--size", "7"}, nil, "a message has 96 bytes at least"},
		{"no URL", []string{"doctor"}, nil, "gateway doctor: got 0 arguments, want URL; see gateway doctor --help"},
		{"another URL", []string{"doctor", "room"}, nil, "gateway doctor: the URL is to begin with"},
		{"a format of doc", []string{"config", "doc", "-o", "yaml"}, nil, `"yaml" is none of text, json, markdown`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := say(t, tt.environ, tt.args...)
			if ExitCode(err) != 2 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got exit code %d and %v, want 2 and %q", ExitCode(err), err, tt.want)
			}
		})
	}
}
