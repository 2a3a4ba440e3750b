package protocol_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestDecodeClient(t *testing.T) {
	for _, g := range clientFrames(t) {
		t.Run(g.Name, func(t *testing.T) {
			got, err := protocol.DecodeClient(g.text())
			if err != nil {
				t.Fatal(err)
			}
			if want := g.Frame.frame(g.Payload); !sameClient(got, want) {
				t.Errorf("decoded\n got %+v\nwant %+v", got, want)
			}
			if text := string(got.Append(nil)); text != g.JSON {
				t.Errorf("encoded\n got %s\nwant %s", text, g.JSON)
			}
		})
	}
}

func TestClientFrameAppendKeepsWhatIsThere(t *testing.T) {
	f := protocol.ClientFrame{Op: protocol.OpPing}
	if got, want := string(f.Append([]byte("[1,"))), `[1,{"op":"ping"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecodeClientRefuses(t *testing.T) {
	for _, b := range badFrames(t) {
		t.Run(b.Name, func(t *testing.T) {
			_, err := protocol.DecodeClient(b.text())
			wantError(t, err, b.Code, ref(b.Ref))
		})
	}
}

func TestDecodeClientRefusesWhatIsLong(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, tt := range []struct {
		name, in string
		code     protocol.Code
	}{
		{"a token", `{"op":"hello","token":"` + long[:protocol.MaxToken+1] + `"}`, protocol.CodeBadFrame},
		{"a token of escapes", `{"op":"hello","token":"` + strings.Repeat(`\u0061`, protocol.MaxToken+1) + `"}`, protocol.CodeBadFrame},
		{"an op", `{"op":"` + long + `"}`, protocol.CodeBadFrame},
		{"a channel", `{"op":"subscribe","channel":"` + long + `"}`, protocol.CodeBadChannel},
		{"a client id", `{"op":"hello","clientid":"` + long + `"}`, protocol.CodeBadClient},
		{"a cursor", `{"op":"subscribe","channel":"c","since":"` + long + `"}`, protocol.CodeBadFrame},
		{"a ref", `{"op":"ping","ref":` + strings.Repeat("1", 1<<20) + `}`, protocol.CodeBadFrame},
		{"a type", `{"op":"send","channel":"c","type":"` + long + `"}`, protocol.CodeBadFrame},
		{"brackets", strings.Repeat("[", 1<<20), protocol.CodeBadFrame},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := protocol.DecodeClient([]byte(tt.in))
			wantError(t, err, tt.code, protocol.Ref{})
		})
	}
}

func TestDecodeClientTakesTheLongest(t *testing.T) {
	in := `{"op":"hello","token":"` + strings.Repeat(`\u0061`, protocol.MaxToken) + `"}`
	f, err := protocol.DecodeClient([]byte(in))
	if err != nil || f.Token != strings.Repeat("a", protocol.MaxToken) {
		t.Errorf("got a token of %d bytes, error %v", len(f.Token), err)
	}
}

func TestPayloadCannotGrowIntoTheFrame(t *testing.T) {
	in := []byte(`{"op":"send","channel":"c","type":"t","payload":1,"id":"own"}`)
	f, err := protocol.DecodeClient(in)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(f.Payload, "overwritten"...)
	if !strings.HasSuffix(string(in), `1,"id":"own"}`) {
		t.Errorf("appending to the payload changed the frame's text to %s", in)
	}
}

func TestDecodeClientBatch(t *testing.T) {
	rows := clientFrames(t)
	var in strings.Builder
	for i, g := range rows {
		in.WriteString([]string{"[", " , "}[min(i, 1)])
		in.Write(g.text())
	}
	frames, errs, err := protocol.DecodeClientBatch([]byte(" "+in.String()+"\n]"), len(rows))
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) != len(rows) || len(errs) != len(rows) {
		t.Fatalf("got %d frames and %d errors, want %d", len(frames), len(errs), len(rows))
	}
	for i, g := range rows {
		if want := g.Frame.frame(g.Payload); errs[i] != nil || !sameClient(frames[i], want) {
			t.Errorf("%s: error %v\n got %+v\nwant %+v", g.Name, errs[i], frames[i], want)
		}
	}
}

func TestDecodeClientBatchTellsEachFramesFault(t *testing.T) {
	in := `[{"op":"ping","ref":1},{"op":"dance","ref":2},7,{"op":"subscribe","ref":3,"channel":"a b"},[],{"op":"ping","ref":4},` +
		`{"op":"ping","ref":5,"x":"\udc00"},` + deepFrame(protocol.MaxDepth+1) + `,{"op":"ping","ref":6}]`
	frames, errs, err := protocol.DecodeClientBatch([]byte(in), 9)
	if err != nil {
		t.Fatal(err)
	}
	want := []protocol.Code{"", protocol.CodeUnknownOp, protocol.CodeBadFrame, protocol.CodeBadChannel, protocol.CodeBadFrame, "",
		protocol.CodeBadFrame, protocol.CodeBadFrame, ""}
	refs := []protocol.Ref{1: protocol.NewRef(2), 3: protocol.NewRef(3), 6: protocol.NewRef(5), 8: {}}
	for i, code := range want {
		if code == "" {
			if errs[i] != nil || frames[i].Op != protocol.OpPing {
				t.Errorf("frame %d: got %+v, error %v, want a ping", i, frames[i], errs[i])
			}
			continue
		}
		wantError(t, errs[i], code, refs[i])
	}
}

func TestDecodeClientBatchRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"nothing", ""},
		{"white space", "  "},
		{"an object", `{"op":"ping"}`},
		{"a text", `"[]"`},
		{"null", "null"},
		{"half an array", `[{"op":"ping"}`},
		{"two arrays", `[][]`},
		{"not UTF-8", "[\"\xff\"]"},
		{"too many frames", `[{"op":"ping"},{"op":"ping"},{"op":"ping"},{"op":"ping"}]`},
		{"too many of anything", `[1,2,3,4]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frames, errs, err := protocol.DecodeClientBatch([]byte(tt.in), 3)
			wantError(t, err, protocol.CodeBadFrame, protocol.Ref{})
			if frames != nil || errs != nil {
				t.Errorf("got frames %v, errors %v besides the error", frames, errs)
			}
		})
	}
}

func TestDecodeClientBatchOfNone(t *testing.T) {
	frames, errs, err := protocol.DecodeClientBatch([]byte(" [ ] "), 0)
	if len(frames) != 0 || len(errs) != 0 || err != nil {
		t.Errorf("got %v, %v, %v, want nothing", frames, errs, err)
	}
}

// What goes over a WebSocket must go over long-poll, the exchange's array
// being no part of the frame.
func TestDepthIsTheSameOnBothTransports(t *testing.T) {
	frame := deepFrame(protocol.MaxDepth)
	if _, err := protocol.DecodeClient([]byte(frame)); err != nil {
		t.Errorf("frame: %v", err)
	}
	if _, errs, err := protocol.DecodeClientBatch([]byte("["+frame+"]"), 1); err != nil || errs[0] != nil {
		t.Errorf("exchange: %v, %v", err, errs)
	}
	answer := `{"op":"message","channel":"c","cursor":"c","id":"m","type":"t","payload":` + deep(protocol.MaxDepth-1) + `}`
	if _, err := protocol.DecodeServer([]byte(answer)); err != nil {
		t.Errorf("answer: %v", err)
	}
	if _, err := protocol.DecodeServerBatch([]byte("[" + answer + "]")); err != nil {
		t.Errorf("answers: %v", err)
	}
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func deepFrame(n int) string {
	return fmt.Sprintf(`{"op":"send","channel":"c","type":"t","payload":%s}`, deep(n-1))
}
