package memcache

import (
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
)

func TestLastIDs(t *testing.T) {
	tests := []struct {
		id   string
		json string
	}{
		{"6b0378e284a91", `{"lastID":"6b0378e284a91"}`},
		{"_overhead_alice", `{"lastID":"_overhead_alice"}`},
		{"77", `{"lastID":77}`},
		{"0", `{"lastID":0}`},
		{"-5", `{"lastID":-5}`},
		{"6503776698267", `{"lastID":6503776698267}`},
		{"9223372036854775807", `{"lastID":9223372036854775807}`},
		{"-9223372036854775808", `{"lastID":-9223372036854775808}`},
		{"9223372036854775808", `{"lastID":"9223372036854775808"}`},
		{"-0", `{"lastID":"-0"}`},
		{"0123", `{"lastID":"0123"}`},
		{"+5", `{"lastID":"+5"}`},
		{"1e5", `{"lastID":"1e5"}`},
		{"1.0", `{"lastID":"1.0"}`},
		{"", `{"lastID":""}`},
		{`a/"é`, `{"lastID":"a/\"é"}`},
	}
	for _, test := range tests {
		last := lastIDOf(test.id)
		if got := string(last.json()); got != test.json {
			t.Errorf("id %q: got %s, want %s", test.id, got, test.json)
		}
		if got := parseLastID([]byte(test.json)); got != last {
			t.Errorf("%s: got %+v, want %+v", test.json, got, last)
		}
	}
	for json, want := range map[string]lastID{
		`{"lastID":false}`:                   {all: true},
		`{"x":[1,"}"],"last\u0049D":"a\/b"}`: {id: "a/b"},
		`{}`:                                 {},
		`"text"`:                             {},
		`null`:                               {},
	} {
		if got := parseLastID([]byte(json)); got != want {
			t.Errorf("%s: got %+v, want %+v", json, got, want)
		}
	}
}

// What PHP's own array makes of ids is what lastIDOf says.
func TestLastIDsAreAsPHPWritesThem(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Addr: server.Addr})
	for i, id := range []string{"77", "0", "-5", "-0", "0123", "1e5", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "6b0378e284a91", "a/é"} {
		channel := string(rune('a' + i))
		runPHP(t, server, channel, "put", id, `"x"`)
		runPHP(t, server, channel, "poll", "bob")
		runPHP(t, server, channel, "put", "_x", `1`)
		runPHP(t, server, channel, "poll", "bob")
		runPHP(t, server, channel, "put", id+"0", `"y"`)
		// PHP's place is now behind _x: ours is before the message.
		d, _, err := s.fetch(channel)
		if err != nil {
			t.Fatal(err)
		}
		at := d.entries[d.index[id+"0"]].cursor()
		if err := s.SetClientCursor(t.Context(), channel, "bob", at); err != nil {
			t.Fatal(err)
		}
		if got := pollPHP(t, server, channel, "bob"); len(got) != 0 {
			t.Errorf("id %q: PHP delivers %q again", id+"0", got)
		}
	}
}

func TestPlacesOfClients(t *testing.T) {
	const text = `{"lastid":0,"messages":{"_overhead_a":{"lastID":"_overhead_a"},"m1":"1","_overhead_b":{"lastID":"m1"},
		"_overhead_c":{"lastID":"_overhead_b"},"_overhead_d":{"lastID":false},"77":"2","m3":"3","_overhead_e":{"lastID":"_overhead_e"},
		"_overhead_f":{"lastID":77},"_overhead_g":{"lastID":"77"},"_overhead_h":{"lastID":"unknown"},"_overhead_i":{"lastID":"m3"}}}`
	d, err := decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	setDocument(t, c, "c", text)
	at := func(id string) protocol.Cursor { return d.entries[d.index[id]].cursor() }
	for client, want := range map[string]protocol.Cursor{
		"a": "_" + at("m1"), "b": at("m1"), "c": at("m1"), "d": "_" + at("m1"), "e": at("m3"), "f": at("77"),
		"g": at("77"), "h": at("m3"), "i": at("m3"), "nobody": "",
	} {
		got, err := s.ClientCursor(t.Context(), "c", client)
		if err != nil || got != want {
			t.Errorf("place of %s: got %q, %v, want %q", client, got, err, want)
		}
	}
	empty := emptyCursor(time.Now().UnixMilli(), "life")
	for c, want := range map[protocol.Cursor]lastID{
		"_" + at("m1"):            {id: "_overhead_a"},
		at("m1"):                  {id: "m1"},
		"_" + at("77"):            {id: "_overhead_d"},
		at("77"):                  {id: "77", number: true},
		at("m3"):                  {id: "m3"},
		empty:                     {id: "_overhead_a"},
		"gone.AAAAAAAA":           {id: "gone"},
		"78.AAAAAAAA":             {id: "78", number: true},
		"_gone.AAAAAAAA":          {id: "_overhead_i"},
		"~AAAAAAAAAAAAAAAAAAAAAA": {id: "_overhead_i"},
	} {
		if got := d.lastIDAt(parsePlace(c), "_overhead_x"); got != want {
			t.Errorf("for the place %q: got %+v, want %+v", c, got, want)
		}
	}
	first, err := decode([]byte(`{"lastid":0,"messages":{"m1":"1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := first.lastIDAt(parsePlace(empty), "_overhead_x"); got != (lastID{all: true}) {
		t.Errorf("before the very first: got %+v", got)
	}
}

// A place whose message is gone from the document is still known to whoever
// follows the channel; PHP would lose what came since.
func TestPlaceOfAClientWhoseMessageIsGone(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	hints := s.Watch(t.Context(), "c")
	setDocument(t, c, "c", `{"lastid":0,"messages":{"m1":"1","_overhead_bob":{"lastID":"m1"}}}`)
	await(t, hints, func() bool { return len(mustRead(t, s, "c", "").Messages) == 1 })
	setDocument(t, c, "c", `{"lastid":0,"messages":{"m1":"1","_overhead_bob":{"lastID":"m1"},"m2":"2","m3":"3"}}`)
	await(t, hints, func() bool { return len(mustRead(t, s, "c", "").Messages) == 3 })
	setDocument(t, c, "c", `{"lastid":0,"messages":{"_overhead_bob":{"lastID":"m1"},"m3":"3"}}`)
	got := pollHere(t, s, "c", "bob")
	if len(got) != 2 || got[0] != "2" || got[1] != "3" {
		t.Errorf("got %q, want 2 and 3", got)
	}
	if got := pollPHP(t, server, "c", "bob"); len(got) != 0 {
		t.Errorf("then PHP delivers %q again", got)
	}
}

// A poll without news takes no lock and writes nothing.
func TestIdlePollsWriteNothing(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	mustAppend(t, s, "c", "x")
	pollHere(t, s, "c", "bob/é")
	pollPHP(t, server, "c", "bob/é")
	holdLock(t, c, "c", 60) // whoever wants to write now waits
	before, err := c.Get("channel_c")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := pollHere(t, s, "c", "bob/é"); len(got) != 0 {
			t.Errorf("got %q, want nothing", got)
		}
	}
	after, err := c.Get("channel_c")
	if err != nil || after.CasID != before.CasID {
		t.Errorf("the document was written: %v", err)
	}
}
