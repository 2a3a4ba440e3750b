package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/commchannel/gateway/e2e/conformance/clients"
	"github.com/commchannel/gateway/e2e/conformance/servers"
	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// unmarked is Markdown as it is read: without marks, on one line.
func unmarked(text string) string {
	text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	text = strings.NewReplacer("`", "", "**", "").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}

// What a check says that docs/protocol.md says is there, word by word.
func TestPromisesAreQuoted(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	text := unmarked(string(page))
	for whom, promises := range map[string][]trial.Result{
		"server":               servers.Promises(),
		"client, on WebSocket": clients.Promises(clients.WebSocket),
		"client, on long-poll": clients.Promises(clients.LongPoll),
	} {
		if len(promises) < 15 {
			t.Errorf("%s: got %d promises, want more", whom, len(promises))
		}
		for _, p := range promises {
			if p.Says == "" || !strings.Contains(text, p.Says) {
				t.Errorf("%s: %s %d: docs/protocol.md does not say %q", whom, p.Section, p.Number, p.Says)
			}
			if !strings.Contains(string(page), "# "+p.Section+"\n") {
				t.Errorf("%s: docs/protocol.md has no section %q", whom, p.Section)
			}
		}
	}
}

func TestList(t *testing.T) {
	var out, faults strings.Builder
	if code := run(t.Context(), []string{"--list", "--only", "Presence 1:"}, &out, &faults); code != kept || faults.Len() > 0 {
		t.Fatalf("got %d and %q, want %d", code, faults.String(), kept)
	}
	const want = "A server:\n\nPresence 1: presence is answered, or refused with forbidden where none is kept\n" +
		"      About all others, presence is answered with forbidden, and nothing is told.\n\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	for _, args := range [][]string{{}, {"--list", "--url", "http://127.0.0.1/"}, {"--url", "x", "--client", "y"}, {"more"}, {"-o", "xml", "--list"}} {
		if code := run(t.Context(), args, &out, &faults); code != unseen {
			t.Errorf("%q: got %d, want %d", args, code, unseen)
		}
	}
}
