package memcache

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// php is the command testdata/channel.php, which does what the PHP library
// does by the real memcache extension.
func php(t testing.TB, ctx context.Context, server *memcachedtest.Server, channel string, args ...string) *exec.Cmd {
	t.Helper()
	memcachedtest.Need(t, "php")
	host, port := hostPort(t, server.Addr)
	return exec.CommandContext(ctx, "php", append([]string{"testdata/channel.php", host, port, channel}, args...)...)
}

func runPHP(t testing.TB, server *memcachedtest.Server, channel string, args ...string) string {
	t.Helper()
	cmd := php(t, t.Context(), server, channel, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("php %q: %v\n%s%s", args, err, out, stderr.Bytes())
	}
	return string(out)
}

// pollPHP is a poll of the PHP library: what is new to client.
func pollPHP(t testing.TB, server *memcachedtest.Server, channel, client string) []string {
	t.Helper()
	var got []string
	out := runPHP(t, server, channel, "poll", client)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("poll: %v in %q", err, out)
	}
	return got
}

// pollHere is a poll of the same client through the gateway.
func pollHere(t testing.TB, s *Store, channel, client string) []string {
	t.Helper()
	at, err := s.ClientCursor(t.Context(), channel, client)
	if err != nil {
		t.Fatal(err)
	}
	if at == "" {
		at = mustTail(t, s, channel)
	}
	p := mustRead(t, s, channel, at)
	if p.Gap {
		t.Errorf("a gap behind %q", at)
	}
	if err := s.SetClientCursor(t.Context(), channel, client, p.Cursor); err != nil {
		t.Fatal(err)
	}
	return texts(p.Messages)
}

// A polling client may go to the PHP library or to a gateway at any request.
func TestPollsMayGoToPHPOrHere(t *testing.T) {
	server := memcachedtest.Start(t)
	c := dial(t, server)
	stores := map[string]*Store{
		"here":  openStore(t, Config{Addr: server.Addr}),
		"there": openStore(t, Config{Addr: server.Addr}),
	}
	n := 0
	add := func(t *testing.T, channel, by string) (text string) {
		n++
		text = fmt.Sprintf("%d by %s", n, by)
		switch by {
		case "php":
			runPHP(t, server, channel, "put", fmt.Sprintf("%013x", 0x6b0389cb00000+n), fmt.Sprintf("%q", text))
		case "number":
			runPHP(t, server, channel, "put", fmt.Sprint(7000+n), fmt.Sprintf("%q", text))
		default:
			mustAppend(t, stores[by], channel, text)
		}
		return text
	}
	tests := []struct {
		name  string
		start string   // the channel's text
		steps []string // "poll" or "add", and by whom
	}{
		{"empty channel, first here", "", []string{"poll here", "add php", "poll php", "add here", "poll here", "poll php"}},
		{"empty channel, first PHP", "", []string{"poll php", "add here", "poll here", "add php", "poll there", "poll php"}},
		{"channel with messages, first here", "", []string{"add php", "add here", "poll here", "poll php", "add php", "poll php"}},
		{"channel with messages, first PHP", "", []string{"add php", "poll php", "add php", "poll here", "add here", "poll php"}},
		{"ids that PHP makes numbers", "", []string{"poll php", "add number", "poll here", "add number", "poll php", "add here", "poll php", "add number", "poll here", "poll php"}},
		{"several messages at once", "", []string{"poll here", "add here", "add php", "add number", "poll php", "add here", "add php", "poll here", "poll php"}},
		{"PHP's list of one", `{"lastid":0,"messages":["zero"]}`, []string{"poll here", "add php", "poll php", "add here", "poll here"}},
		{"a client that PHP left before all", `{"lastid":0,"messages":{"_overhead_bob":{"lastID":false}}}`, []string{"add here", "poll here", "poll php"}},
		{"two gateways", "", []string{"poll here", "add there", "poll there", "add here", "poll there", "poll here"}},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel := fmt.Sprint("c", i)
			if test.start != "" {
				setDocument(t, c, channel, test.start)
			}
			joined := strings.Contains(test.start, "bob")
			var want []string
			for _, step := range test.steps {
				what, by, _ := strings.Cut(step, " ")
				if what == "add" {
					want = append(want, add(t, channel, by))
					continue
				}
				if !joined { // the first poll skips what is there
					joined, want = true, nil
				}
				var got []string
				if by == "php" {
					got = pollPHP(t, server, channel, "bob")
				} else {
					got = pollHere(t, stores[by], channel, "bob")
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s: got %q, want %q", step, got, want)
				}
				want = nil
			}
		})
	}
}

// Cursors stay what they are when PHP writes the whole document anew.
func TestCursorsStayWhenPHPWritesAnew(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	setDocument(t, c, "c", `{"lastid":0,"messages":{
		"a":"é/\u00e9\/😀\ud83d\ude00\u0000\"<>&'","b":{"x":{},"y":[],"z":{"0":1,"1":2}},"c":1.0,"d":100e-1,"e":1e25,
		"f":12345678901234567890,"g":-0,"g2":-0.0,"h":[1,2.50,"é",null,true,false,{"k":"\/"}],"i":"","j":null,"k":0.1,"77":"seven",
		"an id / with é":"x","":"empty","l":-12,"m":{"ключ":{"a":{"b":[[],{}]}}}}}`)
	before := mustRead(t, s, "c", "").Messages
	for range 2 {
		runPHP(t, server, "c", "put", "_private", `"x"`)
	}
	after := mustRead(t, s, "c", "").Messages
	if len(before) != 17 || len(after) != len(before) {
		t.Fatalf("got %d messages before and %d after, want 17", len(before), len(after))
	}
	for i := range before {
		if before[i].ID != after[i].ID || before[i].Cursor != after[i].Cursor {
			t.Errorf("message %d:\nbefore %q %q %s\n after %q %q %s", i,
				before[i].ID, before[i].Cursor, before[i].Text, after[i].ID, after[i].Cursor, after[i].Text)
		}
	}
}

// Two gateways and two PHP processes write to one channel at once, all with
// the lock. All readers see one order, with nothing missing or doubled.
func TestPHPAndGatewaysWriteAtOnce(t *testing.T) {
	const each, writers = 60, 4 // of PHP's and of ours
	const total = each * writers
	server := memcachedtest.Start(t)
	stores := []*Store{openStore(t, Config{Addr: server.Addr}), openStore(t, Config{Addr: server.Addr})}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()

	var reading errgroup.Group
	orders := make([][]string, len(stores)+1)
	for i, s := range stores {
		hints, at := s.Watch(ctx, "c"), mustTail(t, s, "c")
		reading.Go(func() (err error) {
			orders[i], err = followHere(ctx, s, hints, at, total)
			return err
		})
	}
	finish := followByPHP(t, ctx, server, total)
	reading.Go(func() (err error) {
		orders[len(stores)], err = finish()
		return err
	})

	var writing errgroup.Group
	for i := range 2 {
		cmd := php(t, ctx, server, "c", "send", fmt.Sprintf("php%d ", i), fmt.Sprint(each))
		writing.Go(func() error {
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("PHP's writer: %w: %s", err, out)
			}
			return nil
		})
		writing.Go(func() error { return appendHere(ctx, stores[i], fmt.Sprintf("go%d ", i), each) })
	}
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := reading.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, order := range orders {
		if !slices.Equal(order, orders[0]) {
			t.Fatalf("reader %d saw %d messages in another order than the first with %d:\n%q\n%q", i, len(order), len(orders[0]), order, orders[0])
		}
	}
	checkWriters(t, orders[0], writers, each)
}

// followByPHP starts a PHP reader, who is there when it returns; finish waits
// for its n texts.
func followByPHP(t *testing.T, ctx context.Context, server *memcachedtest.Server, n int) (finish func() ([]string, error)) {
	t.Helper()
	cmd := php(t, ctx, server, "c", "follow", "bob", fmt.Sprint(n))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("PHP's reader: %q, %v", line, err)
	}
	return func() (got []string, err error) {
		rest, err := io.ReadAll(lines)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(rest, &got); err != nil {
			return nil, fmt.Errorf("PHP's reader: %w", err)
		}
		return got, cmd.Wait()
	}
}

// checkWriters wants each writer's texts, numbered from 0, all and in order.
func checkWriters(t *testing.T, order []string, writers, each int) {
	t.Helper()
	next := map[string]int{}
	for _, text := range order {
		writer, i, _ := strings.Cut(text, " ")
		if i != fmt.Sprint(next[writer]) {
			t.Fatalf("of writer %s: got its message %s, want %d", writer, i, next[writer])
		}
		next[writer]++
	}
	if len(order) != writers*each || len(next) != writers {
		t.Errorf("got %d messages of %d writers, want %d of %d", len(order), len(next), writers*each, writers)
	}
}

func appendHere(ctx context.Context, s *Store, prefix string, n int) error {
	for i := range n {
		m := store.Message{ID: protocol.NewMessageID(time.Now()), Text: fmt.Appendf(nil, "%s%d", prefix, i)}
		if _, err := s.Append(ctx, "c", m); err != nil {
			return fmt.Errorf("Append: %w", err)
		}
	}
	return nil
}

// followHere reads n messages of channel "c" as hints come.
func followHere(ctx context.Context, s *Store, hints <-chan struct{}, at protocol.Cursor, n int) ([]string, error) {
	var got []string
	for len(got) < n {
		select {
		case <-hints:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d messages came: %w", len(got), n, ctx.Err())
		}
		p, err := s.Read(ctx, "c", at, 1000)
		if err != nil {
			return nil, err
		}
		if p.Gap {
			return nil, fmt.Errorf("a gap behind %q", at)
		}
		got, at = append(got, texts(p.Messages)...), p.Cursor
	}
	return got, nil
}
