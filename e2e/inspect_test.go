package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// inspected is what "gateway inspect -o json" tells, as far as tests look at it.
type inspected struct {
	Layout, Channel string
	Items           []struct {
		Role, Key      string
		Found          bool
		Flags          uint32
		Means          string `json:"flags_mean"`
		Size, Inflated int
		TTL            *float64 `json:"ttl_s"`
	}
	Messages []struct {
		ID, Type, From, Format string
		Payload                json.RawMessage
		Age                    *float64 `json:"age_s"`
	}
	Clients []struct {
		ID     string
		Known  bool
		Follow int
	}
	Findings []struct{ Severity, Text string }
}

// inspectJSON runs the command for programs, and wants its exit code.
func inspectJSON(t *testing.T, code int, store string, args ...string) (is inspected) {
	t.Helper()
	r := gatewayRan(t, append([]string{"inspect", "--store", store, "-o", "json"}, args...)...)
	r.want(t, code)
	if err := json.Unmarshal([]byte(r.stdout), &is); err != nil {
		t.Fatalf("%v in %q", err, r.stdout)
	}
	if lines := strings.Count(r.stderr, "\n"); lines != code {
		t.Errorf("stderr: got %q, want one line where something is wrong", r.stderr)
	}
	return is
}

// wantFinding wants one of a severity with these words in it.
func (is inspected) wantFinding(t *testing.T, severity, words string) {
	t.Helper()
	for _, f := range is.Findings {
		if f.Severity == severity && strings.Contains(f.Text, words) {
			return
		}
	}
	t.Errorf("got findings %+v, want a %s with %q", is.Findings, severity, words)
}

// runPHP runs some PHP with the seed's library, and the memcached's host and
// port in $host and $port.
func runPHP(t *testing.T, memcached, code string) {
	t.Helper()
	need(t, "php")
	host, port, _ := strings.Cut(memcached, ":")
	out, err := exec.CommandContext(t.Context(), "php", "-r", `require 'php/legacy/load.php'; [, $host, $port] = $argv; `+code, host, port).CombinedOutput()
	if err != nil {
		t.Fatalf("php: %v\n%s", err, out)
	}
}

// What PHP's classes have written is told as they meant it.
func TestInspectWhatPHPWrites(t *testing.T) {
	m := startMemcached(t)
	alice := startPHP(t, oldPHP, m.Addr, "room", "alice", "JS")
	bob := startPHP(t, newPHP, m.Addr, "room", "bob", "JS")
	for _, p := range []*phpAgent{alice, bob} {
		if err := p.get(); err != nil {
			t.Fatal(err)
		}
	}
	alice.mustSend(t, "from the old library")
	if err := bob.get(); err != nil {
		t.Fatal(err)
	}
	bob.mustSend(t, "from the new one: déjà vu")
	raw := startPHP(t, oldPHP, m.Addr, "room", "carol", "Comm")
	if _, err := raw.ask(fields{"do": "send", "payload": "just text"}); err != nil {
		t.Fatal(err)
	}
	native := startPHP(t, oldPHP, m.Addr, "room", "dave", "Native")
	if _, err := native.ask(fields{"do": "send", "type": "job", "payload": fields{"n": 5}}); err != nil {
		t.Fatal(err)
	}

	is := inspectJSON(t, 0, "memcache://"+m.Addr, "room")
	document := is.Items[0]
	if document.Key != "channel_room" || !document.Found || document.Flags != 2 || document.Means != "zlib" ||
		document.Inflated <= document.Size || document.TTL == nil || *document.TTL > 30 {
		t.Errorf("document: got %+v, want it compressed, and to end in 30 s", document)
	}
	if lock := is.Items[1]; lock.Key != "channel_lock_room" || lock.Found {
		t.Errorf("lock: got %+v, want none", lock)
	}
	want := [][4]string{
		{"json", "msg", "alice", `"from the old library"`}, {"json", "msg", "bob", `"from the new one: déjà vu"`},
		{"raw", "", "", `"just text"`}, {"native", "job", "", `{"n":5}`},
	}
	if len(is.Messages) != len(want) {
		t.Fatalf("got %d messages, want %d: %+v", len(is.Messages), len(want), is.Messages)
	}
	for i, m := range is.Messages {
		var payload, wanted any
		if json.Unmarshal(m.Payload, &payload) != nil || json.Unmarshal([]byte(want[i][3]), &wanted) != nil {
			t.Fatalf("message %d: got %s", i, m.Payload)
		}
		if m.Format != want[i][0] || m.Type != want[i][1] || m.From != want[i][2] || asJSON(t, payload) != asJSON(t, wanted) || m.Age == nil || *m.Age > patience.Seconds() {
			t.Errorf("message %d: got %+v, want %q", i, m, want[i])
		}
	}
	follow := map[string]int{}
	for _, c := range is.Clients {
		follow[c.ID] = c.Follow
	}
	if follow["alice"] != 4 || follow["bob"] != 3 {
		t.Errorf("clients: got %+v, want alice before all four messages, bob behind the first", is.Clients)
	}
	is.wantFinding(t, "note", "several formats: 2 json, 1 native, 1 raw")
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What PHP has done to a channel.
func TestInspectTellsWhatIsWrong(t *testing.T) {
	m := startMemcached(t)
	const (
		send  = `$s = new MemcacheCommStore($host, $port, 'room'); (new JSCommChannel($s, 'alice'))->send('msg', `
		other = `$m = new Memcached(); $m->addServer($host, (int)$port); `
		same  = `$m = new Memcache(); $m->connect($host, (int)$port); `
	)
	for _, tt := range []struct {
		name, php, severity, words string
	}{
		{"bytes that are not UTF-8", `$s = new MemcacheCommStore($host, $port, 'room'); (new CommChannel($s, 'alice'))->send("caf\xe9");`, "fault", "PHP has replaced the channel by its false"},
		{"too much", send + `base64_encode(random_bytes(730000)));`, "warning", "of the 900 KiB that it can have"},
		{"another extension", other + `$m->set('channel_room', '{"lastid":0,"messages":{"a":"' . str_repeat('x', 3000) . '"}}', 30);`, "fault", "foreign: its flags are 80, a string compressed by PHP's memcached extension (fastlz)"},
		{"serialized", same + `$m->set('channel_room', ['lastid' => 0], 0, 30);`, "fault", "serialized by PHP's memcache extension"},
		{"two writers", send + `'x'); ` + same + `$t = $m->get('channel_room'); $m->set('channel_room', $t, 0, 30); $m->append('channel_room', $t);`, "fault", "two documents stand one behind the other"},
		{"a writer that sorts", same + `$m->set('channel_room', json_encode(['lastid' => 0, 'messages' => [sprintf('%08x00000', time()) => 'b', sprintf('%08x00000', time() - 60) => 'a']]), 0, 30);`, "warning", "stands behind one that is younger"},
		{"cut", same + `$m->set('channel_room', '{"lastid":0,"messages":{"a":', 0, 30);`, "fault", "its JSON is broken"},
		{"a place that is gone", send + `'x'); ` + same + `$m->set('channel_room', str_replace('}}', ',"_overhead_bob":{"lastID":"gone"}}}', '{"lastid":0,"messages":{"a":"x"}}'), 0, 30);`, "warning", "client bob (at gone): stands behind a message that is gone"},
		{"a lock for ever", same + `$m->set('channel_lock_room', 1, 0, 0);`, "fault", "the lock does not end by itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m.Restart(t)
			runPHP(t, m.Addr, tt.php)
			inspectJSON(t, 1, "memcache://"+m.Addr, "room").wantFinding(t, tt.severity, tt.words)
		})
	}
}

// A PHP process that has ended with the lock in its hand.
func TestInspectTellsOfALockLeftBehind(t *testing.T) {
	m := startMemcached(t)
	for deadline := time.Now().Add(patience); ; {
		runPHP(t, m.Addr, `$m = new Memcache(); $m->connect($host, (int)$port); $m->add('channel_lock_room', 1, 0, 5);`)
		r := gatewayRan(t, "inspect", "--store", "memcache://"+m.Addr, "room")
		if r.code == 1 && strings.Contains(r.stdout, "stands still, or has ended and left it behind") {
			return
		}
		if r.code != 0 || time.Now().After(deadline) {
			t.Fatalf("got exit code %d and\n%s%s", r.code, r.stdout, r.stderr)
		}
	}
}

// logPHP runs PHP with a channel in the log layout, as $channel for alice.
func logPHP(t *testing.T, channel, code string, memcached ...string) {
	t.Helper()
	need(t, "php")
	args := append([]string{"-r", `require '../client-php/autoload.php';
		$store = new CommChannel\LogCommStore(array_slice($argv, 2), $argv[1]); $channel = new JSCommChannel($store, 'alice'); ` + code, channel}, memcached...)
	if out, err := exec.CommandContext(t.Context(), "php", args...).CombinedOutput(); err != nil {
		t.Fatalf("php: %v\n%s", err, out)
	}
}

func TestInspectTheLogLayout(t *testing.T) {
	m := startMemcached(t)
	store := "memcache://" + m.Addr + "?layout=log"
	logPHP(t, "room", `$channel->getMessages(); $channel->send('msg', 'one'); $channel->getMessages(); $channel->send('msg', 'two');`, m.Addr)
	is := inspectJSON(t, 0, store, "room")
	if len(is.Messages) != 2 || string(is.Messages[1].Payload) != `"two"` || is.Messages[1].From != "alice" {
		t.Errorf("messages: got %+v, want one and two from alice", is.Messages)
	}
	if len(is.Clients) != 1 || is.Clients[0].ID != "alice" || !is.Clients[0].Known || is.Clients[0].Follow != 1 {
		t.Errorf("clients: got %+v, want alice with one message to come", is.Clients)
	}

	// A publisher that ends behind the first step.
	runPHP(t, m.Addr, `$m = new Memcache(); $m->connect($host, (int)$port); $m->increment('cc1:room:h', 1);`)
	is = inspectJSON(t, 1, store, "room")
	is.wantFinding(t, "warning", "given out, and nothing is there")
	logPHP(t, "room", `$channel->getMessages();`, m.Addr) // a reader closes the number
	is = inspectJSON(t, 1, store, "room")
	is.wantFinding(t, "warning", "closed by a tombstone")

	runPHP(t, m.Addr, `$m = new Memcache(); $m->connect($host, (int)$port); $m->delete('cc1:room:h');`)
	inspectJSON(t, 1, store, "room").wantFinding(t, "fault", "messages are there and the head is not")
}

// One of the channels there are, in text; and where nothing is listed.
func TestInspectListsChannels(t *testing.T) {
	m := startMemcached(t)
	for _, channel := range []string{"room", "shop"} {
		startPHP(t, oldPHP, m.Addr, channel, "alice", "JS").mustSend(t, "Hello!")
	}
	gatewayRan(t, "inspect", "--store", "memcache://"+m.Addr).want(t, 0, "\nroom ", "\nshop ")
	var all struct{ Channels []struct{ Channel string } }
	r := gatewayRan(t, "inspect", "--store", "memcache://"+m.Addr, "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || len(all.Channels) != 2 || all.Channels[0].Channel != "room" {
		t.Errorf("for programs: got %v and %s, want room and shop", err, r.stdout)
	}

	mute := memcachedtest.Start(t, "-o", "no_lru_crawler")
	r = gatewayRan(t, "inspect", "--store", "memcache://"+mute.Addr)
	if r.want(t, 1); !strings.Contains(r.stderr, "name a channel to look at") {
		t.Errorf("stderr: got %q, want to be told to name a channel", r.stderr)
	}
	gatewayRan(t, "inspect", "--store", "memcache://"+mute.Addr+"?layout=log", "room").want(t, 0, "memcached does not list its keys")

	m.Kill(t)
	r = gatewayRan(t, "inspect", "--store", "memcache://"+m.Addr, "room")
	if r.want(t, 1); !strings.Contains(r.stderr, m.Addr) || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("stderr: got %q, want one line that names the address", r.stderr)
	}
}

// Where the gateway gets its store from, inspect gets it, too.
func TestInspectTakesTheGatewaysStore(t *testing.T) {
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	startPHP(t, newPHP, m.Addr, "room", "alice", "JS").mustSend(t, "Hello!")
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte("store: memcache://"+m.Addr+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gatewayRan(t, "inspect", "--config", file, "room").want(t, 0, "Hello!")
	cmd := gatewayCommand(t, "inspect", "room")
	cmd.Env = append(cmd.Env, "COMMCHANNEL_STORE=memcache://"+m.Addr)
	runToEnd(t, cmd).want(t, 0, "Hello!")
	if code := g.terminate(t); code != 0 {
		t.Errorf("the gateway: got exit code %d, want 0", code)
	}
}

// inspectHelp runs the examples of "gateway inspect --help".
func inspectHelp() map[string]helpTest {
	const local = "127.0.0.1:11211"
	inPHP := func(t *testing.T) string {
		m := startMemcached(t)
		startPHP(t, oldPHP, m.Addr, "testchannel", "alice", "JS").mustSend(t, "Hello javascript client!")
		return m.Addr
	}
	return map[string]helpTest{
		"gateway inspect --store memcache://127.0.0.1:11211 testchannel": func(t *testing.T, l helpLine) {
			l.run(t, t.TempDir(), local, inPHP(t)).want(t, 0, "channel testchannel in the php layout", `alice  "Hello javascript client!"`, "nothing is wrong")
		},
		"gateway inspect --store 'memcache://10.0.0.1,10.0.0.2?layout=log' testchannel": func(t *testing.T, l helpLine) {
			one, two := startMemcached(t), startMemcached(t)
			logPHP(t, "testchannel", `$channel->send('msg', 'Hello!');`, one.Addr, two.Addr)
			l.run(t, t.TempDir(), "10.0.0.1", one.Addr, "10.0.0.2", two.Addr).want(t, 0, "channel testchannel in the log layout", `alice  "Hello!"`, "nothing is wrong")
		},
		"gateway inspect --store memcache://127.0.0.1:11211 testchannel --last 0 -o json": func(t *testing.T, l helpLine) {
			var is inspected
			if r := l.run(t, t.TempDir(), local, inPHP(t)); json.Unmarshal([]byte(r.stdout), &is) != nil || len(is.Messages) != 1 {
				t.Errorf("got %+v, want one message", r)
			}
		},
		"gateway inspect --store memcache://127.0.0.1:11211": func(t *testing.T, l helpLine) {
			l.run(t, t.TempDir(), local, inPHP(t)).want(t, 0, "\ntestchannel ")
		},
	}
}
