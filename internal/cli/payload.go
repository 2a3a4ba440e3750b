package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/protocol"
)

// fromStdin stands for the payload that is read from the standard input.
const fromStdin = "-"

// maxInput bounds a payload that is read, in bytes. The gateway's own bound is
// usually much less.
const maxInput = 16 << 20

// A payloadKind says how the text of a payload is taken: as JSON if it can be
// and else as text, unless one of the two is asked for.
type payloadKind struct{ json, text bool }

func (k *payloadKind) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&k.json, "json", false, "the payload is JSON, and a mistake if it is not")
	f.BoolVar(&k.text, "text", false, "the payload is text, though it may look like JSON")
}

// checkSend tells which flags and arguments of a message can't be. f has them,
// but for the payload.
func (k *payloadKind) checkSend(f protocol.ClientFrame, timeout time.Duration) error {
	switch {
	case k.json && k.text:
		return usagef("--json and --text exclude each other")
	case timeout <= 0:
		return usagef("--timeout: wants more than 0")
	}
	f.Op = protocol.OpSend
	if _, err := protocol.DecodeClient(f.Append(nil)); err != nil {
		return usagef("%s", oneLine(err))
	}
	return nil
}

// payload is a text as a payload. Its error is a usageError.
func (k *payloadKind) payload(text []byte) (json.RawMessage, error) {
	fault := protocol.CheckJSON(text)
	switch {
	case fault == nil && !k.text:
		return text, nil
	case k.json:
		return nil, usagef("the payload is %s", oneLine(fault))
	case !utf8.Valid(text):
		return nil, usagef("the payload is neither JSON nor text in UTF-8; encode it, by base64 for example")
	}
	return protocol.AppendString(nil, string(text)), nil
}

// argument is the payload of the arguments behind CHANNEL and TYPE: null where
// there is none.
func (k *payloadKind) argument(ctx context.Context, s *session, args []string) (json.RawMessage, error) {
	if len(args) < 3 {
		return json.RawMessage("null"), nil
	}
	if args[2] != fromStdin {
		return k.payload([]byte(args[2]))
	}
	text, err := interruptible(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(s.in, maxInput+1)) })
	switch {
	case err != nil:
		return nil, fmt.Errorf("standard input: %w", err)
	case len(text) > maxInput:
		return nil, errTooLong
	}
	return k.payload(withoutLineEnd(text))
}

var errTooLong = fmt.Errorf("a payload on the standard input has more than %d bytes", maxInput)

// withoutLineEnd is text without the line break that ends a file, or a line.
func withoutLineEnd(text []byte) []byte {
	text, _ = bytes.CutSuffix(text, []byte("\n"))
	text, _ = bytes.CutSuffix(text, []byte("\r"))
	return text
}

// nextLine reads a line, without its end. At the end of the input, its error is
// io.EOF.
func nextLine(ctx context.Context, in *bufio.Reader) ([]byte, error) {
	return interruptible(ctx, func() ([]byte, error) {
		var line []byte
		for {
			piece, err := in.ReadSlice('\n')
			line = append(line, piece...)
			switch {
			case len(line) > maxInput:
				return nil, errTooLong
			case errors.Is(err, bufio.ErrBufferFull):
			case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
				return withoutLineEnd(line), nil
			default:
				return nil, err
			}
		}
	})
}

// interruptible reads until that is done or ctx ends. In the latter case the
// reading goes on, as nothing can end it but its input, and the program ends
// without it.
func interruptible(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
