package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol/client"
)

// startExample builds the program examples/name, and runs it.
func startExample(t *testing.T, name string, args ...string) *child {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-race", "-o", path, "../examples/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("go build ../examples/%s: %v\n%s", name, err, out)
	}
	return spawn(t, name, exec.Command(path, args...), nil)
}

func says(piece string) func(string) bool {
	return func(line string) bool { return strings.Contains(line, piece) }
}

func TestExampleBot(t *testing.T) {
	g := startGateway(t)
	startExample(t, "bot", "-url", g.url(""), "-channel", "bots").started(t, says("answering"))
	c, err := client.Dial(t.Context(), g.url(""), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, tt := range []struct {
		typ     string
		payload any
		want    string // a piece of the reply's type and payload
	}{
		{"add", []int{20, 22}, "sum 42"},
		{"add", "no numbers", "error "},
		{"time", nil, `time "20`},
	} {
		reply, err := c.Channel("bots").Request(ctx, tt.typ, tt.payload)
		if err != nil {
			t.Fatal(err)
		}
		if got := reply.Type + " " + string(reply.Payload); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s %v: got %s, want %s", tt.typ, tt.payload, got, tt.want)
		}
	}
}

func TestExampleStdin(t *testing.T) {
	g := startGateway(t)
	alice := startExample(t, "stdin", "-url", g.url(""), "-channel", "chat", "-id", "alice")
	bob := startExample(t, "stdin", "-url", g.url(""), "-channel", "chat", "-id", "bob")
	for _, c := range []*child{alice, bob} {
		c.started(t, says("stdin: on chat as"))
	}
	if err := alice.write([]byte("Hello there!")); err != nil {
		t.Fatal(err)
	}
	bob.started(t, says("alice: Hello there!"))
	if err := bob.write([]byte("Hello yourself!")); err != nil {
		t.Fatal(err)
	}
	alice.started(t, says("bob: Hello yourself!"))
	alice.stdin.Close()
	if code := alice.leave(t); code != 0 {
		t.Errorf("at the end of its input: got exit code %d, want 0", code)
	}
}

func TestExampleOfGoAndPHPReplying(t *testing.T) {
	need(t, "php")
	m := startMemcached(t)
	g := onMemcached(t, m.Addr, "--format", "native-*=native")
	host, port, _ := strings.Cut(m.Addr, ":")
	php := spawn(t, "worker.php", exec.Command("php", "../examples/phpreply/worker.php", host, port, "native-images"), nil)
	php.started(t, says("waiting"))
	program := startExample(t, "phpreply", "-url", g.url(""), "-channel", "native-images")
	for _, c := range []*child{program, php} {
		if code := c.leave(t); code != 0 {
			t.Errorf("%s: got exit code %d, want 0", c.name, code)
		}
	}
	for _, want := range []struct {
		by   *child
		line string
	}{
		{program, "PHP says: 640 x 480"},
		{program, `PHP asks: currency? {"for":"prices"}`},
		{php, "Go asks for the size of logo.png"},
		{php, "Go says: EUR, 2 decimals"},
	} {
		want.by.started(t, says(want.line))
	}
}
