package commchannel_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/commchannel"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
	"github.com/commchannel/gateway/store/memory"
)

// stores are a store of each kind.
func stores(t *testing.T) map[string]store.Store {
	t.Helper()
	inMemory, err := memory.New(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	php, err := memcache.New(memcache.Config{Addr: memcached})
	if err != nil {
		t.Fatal(err)
	}
	log, err := memlog.New(memlog.Config{Servers: []string{memcached}})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]store.Store{"memory": inMemory, "php": php, "log": log}
	t.Cleanup(func() {
		for name, s := range all {
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	return all
}

func channelName(t *testing.T) string {
	return "go-" + strings.ReplaceAll(t.Name(), "/", "-") + "-" + rand.Text()
}

func wantMessages(t *testing.T, c *commchannel.Channel, want ...string) {
	t.Helper()
	got, err := c.Messages(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("messages: got %q, %v, want %q", got, err, want)
	}
}

func mustSend(t *testing.T, c *commchannel.Channel, text string) {
	t.Helper()
	if _, err := c.Send(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func TestTwoClients(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			channel := channelName(t)
			alice, bob := commchannel.New(s, channel, "alice"), commchannel.New(s, channel, "bob")
			mustSend(t, alice, "before")
			wantMessages(t, alice)
			wantMessages(t, bob)
			mustSend(t, alice, "one")
			mustSend(t, bob, "two")
			wantMessages(t, alice, "one", "two")
			wantMessages(t, bob, "one", "two")
			wantMessages(t, bob)

			// Another process with the same client id goes on where this one was.
			mustSend(t, alice, "three")
			wantMessages(t, commchannel.New(s, channel, "bob"), "three")
		})
	}
}

func TestManyMessagesAtOnce(t *testing.T) {
	s := stores(t)["log"]
	channel := channelName(t)
	c := commchannel.New(s, channel, "c")
	wantMessages(t, c)
	var want []string
	for n := range 2500 {
		want = append(want, fmt.Sprint(n))
		mustSend(t, c, want[n])
	}
	wantMessages(t, c, want...)
}

func TestWait(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			channel := channelName(t)
			alice, bob := commchannel.New(s, channel, "alice"), commchannel.New(s, channel, "bob")
			wantMessages(t, bob)
			heard := make(chan []string, 1)
			go func() {
				got, err := bob.Wait(t.Context())
				if err != nil {
					t.Error(err)
				}
				heard <- got
			}()
			mustSend(t, alice, "hello")
			if got := <-heard; !slices.Equal(got, []string{"hello"}) {
				t.Errorf("got %q, want hello", got)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if got, err := bob.Wait(ctx); len(got) > 0 || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with nothing new: got %q, %v, want the context's end", got, err)
			}
		})
	}
}

func TestTypedMessages(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			channel := channelName(t)
			alice, bob := commchannel.NewJS(s, channel, "alice"), commchannel.NewJS(s, channel, "bob")
			for _, c := range []*commchannel.JSChannel{alice, bob} {
				if _, err := c.Messages(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			id, err := alice.Send(t.Context(), "ask", map[string]int{"n": 2})
			if err != nil {
				t.Fatal(err)
			}
			asked, err := bob.Messages(t.Context())
			if err != nil || len(asked) != 1 {
				t.Fatalf("got %+v, %v, want one message", asked, err)
			}
			if m := asked[0]; m.ID != id || m.Type != "ask" || string(m.Payload) != `{"n":2}` || m.From != "alice" || m.ReplyTo != "" {
				t.Errorf("got %+v, want alice's question", m)
			}
			if _, err := bob.Reply(t.Context(), asked[0], "answer", 4); err != nil {
				t.Fatal(err)
			}
			mustSend(t, commchannel.New(s, channel, "raw"), "no envelope")
			got, err := alice.Wait(t.Context())
			if err != nil || len(got) != 3 {
				t.Fatalf("got %+v, %v, want three messages", got, err)
			}
			if m := got[1]; m.Type != "answer" || m.ReplyTo != id || string(m.Payload) != "4" || m.From != "bob" {
				t.Errorf("got %+v, want bob's answer", m)
			}
			if m := got[2]; m.Type != "" || string(m.Payload) != `"no envelope"` || m.From != "" {
				t.Errorf("got %+v, want a text as it is", m)
			}
		})
	}
}

func TestWhatCannotBe(t *testing.T) {
	s := stores(t)["memory"]
	for _, c := range []*commchannel.Channel{commchannel.New(s, "lock_x", "c"), commchannel.New(s, "x", ""), commchannel.New(s, "x", "a b")} {
		if _, err := c.Send(t.Context(), "text"); err == nil {
			t.Error("Send: got no error")
		}
		if _, err := c.Messages(t.Context()); err == nil {
			t.Error("Messages: got no error")
		}
		if _, err := c.Wait(t.Context()); err == nil {
			t.Error("Wait: got no error")
		}
	}
	for _, payload := range []any{math.NaN(), json.RawMessage(`"\ud800"`)} {
		if _, err := commchannel.NewJS(s, "x", "c").Send(t.Context(), "msg", payload); err == nil {
			t.Errorf("payload %v: got no error", payload)
		}
	}
}

// A fragile store fails when it is told to, and has gaps.
type fragile struct {
	store.Store
	fail error
	gap  bool
}

func (f *fragile) Read(ctx context.Context, channel string, after protocol.Cursor, limit int) (store.Page, error) {
	if f.fail != nil {
		return store.Page{}, f.fail
	}
	p, err := f.Store.Read(ctx, channel, after, limit)
	p.Gap = p.Gap || f.gap
	return p, err
}

func TestFailuresAndGapsLoseNothing(t *testing.T) {
	s := &fragile{Store: stores(t)["memory"]}
	c := commchannel.New(s, "x", "c")
	wantMessages(t, c)
	mustSend(t, c, "one")
	s.fail = store.ErrUnavailable
	if got, err := c.Messages(t.Context()); len(got) > 0 || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %q, %v, want unavailable", got, err)
	}
	s.fail = nil
	wantMessages(t, c, "one")
	mustSend(t, c, "two")
	s.gap = true
	if got, err := c.Messages(t.Context()); len(got) > 0 || !errors.Is(err, commchannel.ErrMissed) {
		t.Errorf("got %q, %v, want ErrMissed", got, err)
	}
	wantMessages(t, c, "two")
	s.gap = false
	wantMessages(t, c)
}

// A bare store keeps no clients' places.
type bare struct{ store.Store }

func TestStoreWithoutPlaces(t *testing.T) {
	s := bare{stores(t)["memory"]}
	c := commchannel.New(s, "x", "c")
	wantMessages(t, c)
	mustSend(t, c, "one")
	wantMessages(t, c, "one")
	wantMessages(t, commchannel.New(s, "x", "c")) // joins anew
}

func TestWaitIsWokenByTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := memory.New(memory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := commchannel.New(s, "x", "c")
		wantMessages(t, c)
		heard := make(chan []string)
		go func() {
			got, _ := c.Wait(t.Context())
			heard <- got
		}()
		synctest.Wait()
		mustSend(t, c, "hello")
		if got := <-heard; !slices.Equal(got, []string{"hello"}) {
			t.Errorf("got %q, want hello", got)
		}
	})
}

// php has a PHP process of client-php join a channel, answer the first message
// with its text turned round, and tell what it got.
const php = `
require '../../client-php/autoload.php';
[, $layout, $server, $channelID] = $argv;
[$host, $port] = explode(':', $server);
$backend = $layout === 'log' ? new CommChannel\LogCommStore([$server], $channelID) : new MemcacheCommStore($host, $port, $channelID);
$channel = new JSCommChannel($backend, 'php');
$channel->getMessages();
echo "joined\n";
$m = $channel->waitForMessages(20.0)[0];
$channel->send('answer', strrev($m['msg']));
echo json_encode($m), "\n";
`

func TestBesidePHP(t *testing.T) {
	memcachedtest.Need(t, "php")
	all := stores(t)
	for _, layout := range []string{"php", "log"} {
		t.Run(layout, func(t *testing.T) {
			channel := channelName(t)
			c := commchannel.NewJS(all[layout], channel, "go")
			if _, err := c.Messages(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, "php", "-r", php, "--", layout, memcached, channel)
			cmd.Stderr = t.Output()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var joined string
			if _, err := fmt.Fscanln(out, &joined); err != nil || joined != "joined" {
				t.Fatalf("PHP said %q, %v", joined, err)
			}
			if _, err := c.Send(ctx, "msg", "desrever"); err != nil {
				t.Fatal(err)
			}
			var answer string
			for answer == "" {
				messages, err := c.Wait(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range messages {
					if m.From == "php" {
						answer = string(m.Payload)
					}
				}
			}
			if answer != `"reversed"` {
				t.Errorf("PHP's answer: got %s, want reversed", answer)
			}
			var heard struct{ Type, Msg, From string }
			if err := json.NewDecoder(out).Decode(&heard); err != nil {
				t.Fatal(err)
			}
			if heard.Type != "msg" || heard.Msg != "desrever" || heard.From != "go" {
				t.Errorf("PHP got %+v, want Go's message", heard)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
