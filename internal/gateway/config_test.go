package gateway

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/commchannel/gateway/store/memory"
)

// execute runs the program with a configuration that can't be.
func execute(t *testing.T, args, environ []string, file string) (mistakes []string, code int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if file != "" {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config="+path)
	}
	cmd := Command("v0", environ)
	cmd.SetArgs(args)
	cmd.SetOut(new(bytes.Buffer))
	cmd.SetErr(new(bytes.Buffer))
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // where there is no mistake, the gateway starts, and stops at once
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		t.Fatal("the gateway has started")
	}
	return strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n"), ExitCode(err)
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		args    []string
		environ []string
		file    string
		want    []string // each in the mistake of its place
	}{
		{"listen", []string{"--listen=8080"}, nil, "", []string{`--listen: "8080" is no address`}},
		{"listen port", []string{"--listen=:99999"}, nil, "", []string{`--listen: ":99999": the port can't be "99999"`}},
		{"listen without port", []string{"--listen=localhost:"}, nil, "", []string{`the port can't be ""`}},
		{"listen on a URL", []string{"--listen=http://a:1"}, nil, "", []string{`--listen: "http://a:1" is no address`}},
		{"listen on any", []string{"--listen=*:80"}, nil, "", []string{`the host can't be "*"`}},
		{"store scheme", []string{"--store=mysql://a"}, nil, "", []string{`begins with memory:// or memcache://`}},
		{"store name", []string{"--store=memory"}, nil, "", []string{`begins with memory:// or memcache://`}},
		{"store user", []string{"--store=memcache://me:secret@a"}, nil, "", []string{`takes no login`}},
		{"store path", []string{"--store=memory:///x"}, nil, "", []string{`neither user nor path`}},
		{"memory host", []string{"--store=memory://a"}, nil, "", []string{`has no host`}},
		{"memory parameter", []string{"--store=memory://?mesages=1"}, nil, "", []string{`unknown parameter mesages; there are age, bytes, channels, clients, messages`}},
		{"memory value", []string{"--store=memory://?messages=x"}, nil, "", []string{`parameter messages: "x" is no whole number`}},
		{"memory bound", []string{"--store=memory://?messages=0"}, nil, "", []string{`parameter messages: 0 is not from 1`}},
		{"memory twice", []string{"--store=memory://?age=1m&age=2m"}, nil, "", []string{`parameter age is given twice`}},
		{"memcache without host", []string{"--store=memcache://"}, nil, "", []string{`names no host`}},
		{"memcache port", []string{"--store=memcache://a:0"}, nil, "", []string{`the port can't be "0"`}},
		{"memcache servers", []string{"--store=memcache://a,b"}, nil, "", []string{`takes one server`}},
		{"memcache layout", []string{"--store=memcache://a?layout=xml"}, nil, "", []string{`want php or log`}},
		{"relative path", []string{"--path=channel"}, nil, "", []string{`does not begin with a slash`}},
		{"root", []string{"--path=/"}, nil, "", []string{`no empty parts`}},
		{"path with a slash at its end", []string{"--path=/a/"}, nil, "", []string{`no empty parts`}},
		{"path upwards", []string{"--path=/a/../b"}, nil, "", []string{`no empty parts`}},
		{"path with a query", []string{"--path=/a?b"}, nil, "", []string{`'?' can't be in a path`}},
		{"path twice", []string{"--path=/a,/a"}, nil, "", []string{`path: /a is given twice`}},
		{"reserved paths", []string{"--path=/healthz,/channelclient.js"}, nil, "", []string{`path: /healthz is the gateway's own`, `path: /channelclient.js is the gateway's own`}},
		{"presence without a pattern", []string{"--presence=room,"}, nil, "", []string{`--presence: the pattern is empty`}},
		{"presence pattern", []string{"--presence=\xff*"}, nil, "", []string{`--presence: "\xff*": the pattern is not valid UTF-8`}},
		{"origin", []string{"--origin=shop.example"}, nil, "", []string{`--origin: "shop.example" has no scheme`}},
		{"host", []string{"--host=https://shop.example"}, nil, "", []string{`--host: "https://shop.example": a host is a name`}},
		{"proxy", []string{"--trusted-proxy=proxy.example"}, nil, "", []string{`--trusted-proxy: "proxy.example" is no network`}},
		{"proxy with too many bits", []string{"--trusted-proxy=10.0.0.5/8"}, nil, "", []string{`did you mean 10.0.0.0/8?`}},
		{"every proxy", []string{"--trusted-proxy=0.0.0.0/0"}, nil, "", []string{`believe whatever a client says`}},
		{"proxy in IPv6 clothes", []string{"--trusted-proxy=::ffff:10.0.0.0/104"}, nil, "", []string{`write an IPv4 network as one`}},
		{"lag below a message", []string{"--lag=64KiB"}, nil, "", []string{`lag: must be at least twice max-message, which is 65536 bytes`}},
		{"argument", []string{"serve"}, nil, "", []string{`unknown command "serve"`}},
		{"variable", nil, []string{"COMMCHANNEL_PATHS=/a"}, "", []string{`COMMCHANNEL_PATHS: unknown variable; did you mean COMMCHANNEL_PATH?`}},
		{"file", nil, nil, "listen: [\":8080\"]\n\norgin: [https://a.example]\nhold: 25\n", []string{
			`FILE:3: orgin: unknown key; did you mean origin?`, `FILE:4: hold: "25" is no time; write it with its unit`,
		}},
		{"everywhere", []string{"--hold=x", "--log-format=xml"}, []string{"COMMCHANNEL_LAG=y"}, "grace: 0s\n", []string{
			`--hold: "x"`, `--log-format: "xml" is none of auto, console, json`, `COMMCHANNEL_LAG: "y"`, `FILE:1: grace: 0s is not from 100ms to 10m`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, code := execute(t, tt.args, tt.environ, tt.file)
			if code != 2 {
				t.Errorf("exit code: got %d, want 2", code)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %d mistakes", got, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q in it", got[i], want)
				}
			}
		})
	}
}

func TestConfigOfAProgramIsChecked(t *testing.T) {
	_, err := New(Config{Hold: time.Millisecond, Origins: []string{"shop.example"}})
	if err == nil || ExitCode(err) != 2 || !strings.Contains(err.Error(), "hold: ") || !strings.Contains(err.Error(), "origin: ") {
		t.Errorf("got %v, want both mistakes", err)
	}
}

func TestParseStore(t *testing.T) {
	spec, err := parseStore("memory://?messages=5&bytes=2MiB&age=1h&channels=7&clients=9")
	if err != nil {
		t.Fatal(err)
	}
	want := memory.Config{MaxMessages: 5, MaxBytes: 2 << 20, MaxAge: time.Hour, MaxChannels: 7, MaxClients: 9}
	if !reflect.DeepEqual(spec.memory, want) {
		t.Errorf("memory: got %+v, want %+v", spec.memory, want)
	}
	for url, want := range map[string]string{
		"memcache://cache":            "cache:11211",
		"memcache://127.0.0.1:11212/": "127.0.0.1:11212",
		"memcache://[::1]:11212":      "[::1]:11212",
	} {
		spec, err := parseStore(url)
		if err != nil || spec.memcache.Addr != want {
			t.Errorf("%s: got %q, %v, want %q", url, spec.memcache.Addr, err, want)
		}
	}
	spec, err = parseStore("memcache://cache?prefix=shop_&timeout=2s")
	if err != nil || spec.memcache.Prefix != "shop_" || spec.memcache.Timeout != 2*time.Second {
		t.Errorf("memcache: got %+v, %v", spec.memcache, err)
	}
}

func TestParsePrefix(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.0.0.5": "10.0.0.5/32", "::ffff:10.0.0.5": "10.0.0.5/32",
		"::1": "::1/128", "2001:db8::/32": "2001:db8::/32",
	} {
		if got, err := parsePrefix(text); err != nil || got != netip.MustParsePrefix(want) {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
}

// The page on configuration has every setting, with its default, and its
// file can be loaded.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	cfg := Config{}.withDefaults()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	set := cfg.settings(flags)
	for _, name := range set.Names() {
		row := "| `--" + name + "` | `" + set.Variable(name) + "` | `" + name + "` | "
		if name == "config" {
			row = "| `--config` | `COMMCHANNEL_CONFIG` | | "
		}
		if def := flags.Lookup(name).DefValue; def != "" {
			row += "`" + def + "` |"
		} else {
			row += "none |"
		}
		if !strings.Contains(page, row) {
			t.Errorf("the table has no row that begins with %s", row)
		}
		if !strings.Contains(page, "* **"+name+"**:") {
			t.Errorf("%s is not explained", name)
		}
	}

	_, example, _ := strings.Cut(page, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := set.Load([]string{"COMMCHANNEL_CONFIG=" + path}); err != nil {
		t.Errorf("the example: %v", err)
	}
	if err := cfg.check(); err != nil {
		t.Errorf("the example: %v", err)
	}
	for _, name := range set.Names() {
		if name != "config" && !strings.Contains(example, "\n"+name+":") && !strings.HasPrefix(example, name+":") {
			t.Errorf("the example lacks %s", name)
		}
	}
}
