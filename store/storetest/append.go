package storetest

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func (s suite) runAppending(t *testing.T) {
	t.Run("texts verbatim", s.testTexts)
	t.Run("odd channel names", s.testChannels)
	t.Run("message ids", s.testIDs)
	t.Run("repeated id", s.testRepeatedID)
	t.Run("repeated id, concurrently", s.testRepeatedIDConcurrently)
	t.Run("one id in two channels", s.testIDInTwoChannels)
}

func (s suite) testTexts(t *testing.T) {
	st, channel := s.start(t), newChannel()
	texts := []string{
		`{"type":"msg","payload":"hi","msg":"hi","from":"bob"}`,
		`{"type":"msg","payload":{"a":[1,2.50,-0,1e5,{}],"b":null},"from":483920}`,
		"", " ", "0", "null", `""`, `[]`, `{}`, `}}`, `"}}`, `\`, `\\"`, `\u0041`, `\ud83d`,
		"line\nfeed\r\ntab\t", "nul \x00, bell \a, delete \x7f", "<a href='x'>&amp;</a>",
		"naïve 你好 \u2028 \u2029 \ufeff \U0001f600 \U0010ffff", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
		`a:1:{s:1:"a";i:1;}`, "END\r\n", "VALUE x 0 1\r\n",
		strings.Repeat("x", 60<<10), strings.Repeat(`"\`, 10<<10), strings.Repeat("\U0001f600", 15<<10),
	}
	var want []store.Message
	for _, text := range texts {
		want = append(want, mustAppend(t, st, channel, text))
	}
	checkMessages(t, mustReadAll(t, st, channel, ""), want)
	checkMessages(t, mustReadAll(t, s.other(t, st), channel, ""), want)
}

func (s suite) testChannels(t *testing.T) {
	st := s.start(t)
	unique := newChannel()
	long := unique + strings.Repeat("n", protocol.MaxChannel-len(unique)-1)
	names := []string{
		unique, unique + ".", unique + "/", unique + "//", unique + "#a", unique + "?b=c&d", unique + "%41", unique + "A",
		unique + "%00", unique + "\\", unique + `"`, unique + "'", unique + ":", unique + "{x}", unique + "_lock",
		"127.0.0.1_" + unique, "::1_" + unique, "1127.0.0.1_" + unique, "channel_" + unique, "channel_lock_" + unique,
		"_overhead_" + unique, unique + "é", unique + "e\u0301", unique + "你好", unique + "\U0001f600", unique + "\u00a0\u2028",
		long + "1", long + "2", unique + strings.Repeat("é", (protocol.MaxChannel-len(unique))/2),
	}
	want := map[string]store.Message{}
	for _, name := range names {
		if err := protocol.CheckChannel(name); err != nil {
			t.Fatalf("the test's own name %q: %v", name, err)
		}
		want[name] = mustAppend(t, st, name, "in "+name)
	}
	reader := s.other(t, st)
	for _, name := range names {
		checkMessages(t, mustReadAll(t, st, name, ""), []store.Message{want[name]})
		checkMessages(t, mustReadAll(t, reader, name, ""), []store.Message{want[name]})
	}
}

func (s suite) testIDs(t *testing.T) {
	st, channel := s.start(t), newChannel()
	var want []store.Message
	for _, id := range []string{
		"a", "A", "~", "-", ".", "..", "~x", "-.0", "-x", "a_b", "x.y.z", "0x1", "1e5", "1-1", "6b0378e284a91", "lastid", "messages",
		"~AAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("i", 54), strings.Repeat("i", 55), strings.Repeat("i", 56),
		strings.Repeat("i", protocol.MaxMessageID),
	} {
		if err := protocol.CheckMessageID(id); err != nil {
			t.Fatalf("the test's own id: %v", err)
		}
		m := store.Message{ID: id, Text: []byte("text of " + id)}
		var err error
		if m.Cursor, err = st.Append(t.Context(), channel, m); err != nil {
			t.Fatalf("Append with id %q: %v", id, err)
		}
		want = append(want, m)
	}
	got := mustReadAll(t, st, channel, "")
	for i := range got {
		if known := protocol.MessageTime(got[i].ID); known != 0 && got[i].Time != known {
			t.Errorf("time of %q: got %d, want %d", got[i].ID, got[i].Time, known)
		}
		got[i].Time = 0 // of other ids a store may know it or not
	}
	checkMessages(t, got, want)
	for i, m := range want {
		p := mustRead(t, st, channel, m.Cursor, 100)
		if p.Gap || len(p.Messages) != len(want)-i-1 {
			t.Errorf("after the message %q: got gap %v and %d messages, want %d", m.ID, p.Gap, len(p.Messages), len(want)-i-1)
		}
	}
}

func (s suite) testRepeatedID(t *testing.T) {
	st, channel := s.start(t), newChannel()
	first := mustAppend(t, st, channel, "first")
	want := []store.Message{first}
	again := func(text string) {
		t.Helper()
		c, err := st.Append(t.Context(), channel, store.Message{ID: first.ID, Text: []byte(text)})
		if err != nil || c != first.Cursor {
			t.Errorf("Append of a repeated id: got %q, %v, want %q", c, err, first.Cursor)
		}
	}
	again("first")
	again("another text")
	for i := range 1200 {
		want = append(want, mustAppend(t, st, channel, fmt.Sprint(i)))
	}
	again("first")
	// A store may have dropped the oldest by now, but must not have it anew.
	got := mustRead(t, st, channel, want[1100].Cursor, 1000)
	checkMessages(t, got.Messages, want[1101:])
}

func (s suite) testRepeatedIDConcurrently(t *testing.T) {
	st := s.start(t)
	stores := []store.Store{st, s.other(t, st)}
	for round := range 5 {
		channel, m := newChannel(), newMessage(fmt.Sprint("round ", round))
		cursors := make([]protocol.Cursor, 8)
		var g errgroup.Group
		for i := range cursors {
			g.Go(func() (err error) {
				cursors[i], err = stores[i%2].Append(t.Context(), channel, m)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatalf("Append: %v", err)
		}
		got := mustReadAll(t, st, channel, "")
		if len(got) != 1 {
			t.Fatalf("got %d messages, want 1", len(got))
		}
		for i, c := range cursors {
			if c != got[0].Cursor {
				t.Errorf("Append %d: got %q, want %q", i, c, got[0].Cursor)
			}
		}
	}
}

func (s suite) testIDInTwoChannels(t *testing.T) {
	st, one, two := s.start(t), newChannel(), newChannel()
	m := newMessage("text")
	for _, channel := range []string{one, two} {
		if _, err := st.Append(t.Context(), channel, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, channel := range []string{one, two} {
		if got := mustReadAll(t, st, channel, ""); len(got) != 1 || got[0].ID != m.ID {
			t.Errorf("%s: got %q, want %q", channel, ids(got), m.ID)
		}
	}
}
