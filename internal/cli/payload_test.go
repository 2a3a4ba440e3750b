package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPayload(t *testing.T) {
	var auto, asJSON, asText = payloadKind{}, payloadKind{json: true}, payloadKind{text: true}
	for _, tt := range []struct {
		name string
		kind payloadKind
		text string
		want string // "": an error
	}{
		{"a text", auto, `Hello "there"!`, `"Hello \"there\"!"`},
		{"a number", auto, `12`, `12`},
		{"a JSON text", auto, `"12"`, `"12"`},
		{"an object, as it is written", auto, `{"b": 1.0, "a":2}`, `{"b": 1.0, "a":2}`},
		{"nearly an object", auto, `{"a":1`, `"{\"a\":1"`},
		{"nothing", auto, ``, `""`},
		{"no UTF-8", auto, "\xff", ""},
		{"JSON", asJSON, ` [1] `, ` [1] `},
		{"no JSON", asJSON, `hello`, ""},
		{"nothing as JSON", asJSON, ``, ""},
		{"a number as text", asText, `12`, `"12"`},
		{"no UTF-8 as text", asText, "\xff", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.kind.payload([]byte(tt.text))
			if string(got) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
			if err != nil && !errors.As(err, new(usageError)) {
				t.Errorf("got %v, want a mistake", err)
			}
		})
	}
}

func TestPayloadArgument(t *testing.T) {
	for _, tt := range []struct {
		name, stdin string
		args        []string
		want        string
		fault       error
	}{
		{"none", "unread", []string{"room", "msg"}, "null", nil},
		{"an argument", "unread", []string{"room", "msg", "hi"}, `"hi"`, nil},
		{"all that is read, without its end", "a\r\nb\n\r\n", []string{"room", "msg", "-"}, `"a\r\nb\n"`, nil},
		{"JSON that is read", "{\"a\":\n1}\n", []string{"room", "msg", "-"}, "{\"a\":\n1}", nil},
		{"too much", strings.Repeat("x", maxInput+1), []string{"room", "msg", "-"}, "", errTooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k payloadKind
			got, err := k.argument(t.Context(), &session{in: strings.NewReader(tt.stdin)}, tt.args)
			if string(got) != tt.want || !errors.Is(err, tt.fault) {
				t.Errorf("got %s, %v, want %s, %v", got, err, tt.want, tt.fault)
			}
		})
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	in := bufio.NewReader(strings.NewReader("one\r\n\n" + long + "\n \t\nlast"))
	var got []string
	for {
		line, err := nextLine(t.Context(), in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(line))
	}
	if diff := cmp.Diff([]string{"one", "", long, " \t", "last"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	endless := bufio.NewReader(strings.NewReader(strings.Repeat("x", maxInput+5000)))
	if _, err := nextLine(t.Context(), endless); !errors.Is(err, errTooLong) {
		t.Errorf("a line without an end: got %v, want %v", err, errTooLong)
	}
}

// Who waits for input can be interrupted.
func TestInterruptedInput(t *testing.T) {
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := nextLine(ctx, bufio.NewReader(in)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	out.Close() // and with it the reading
}
