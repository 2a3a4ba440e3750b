package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func TestErrorFrom(t *testing.T) {
	own := &protocol.Error{Code: protocol.CodeForbidden, Message: "no"}
	for _, tt := range []struct {
		name string
		err  error
		want protocol.Code
	}{
		{"protocol's own", fmt.Errorf("wrapped: %w", own), protocol.CodeForbidden},
		{"unavailable", fmt.Errorf("dial 10.0.0.1: %w", store.ErrUnavailable), protocol.CodeUnavailable},
		{"too large", fmt.Errorf("x: %w", store.ErrTooLarge), protocol.CodeTooLarge},
		{"full", store.ErrFull, protocol.CodeUnavailable},
		{"foreign", fmt.Errorf("x: %w: of 10.0.0.1", store.ErrForeign), protocol.CodeUnavailable},
		{"closed", store.ErrClosed, protocol.CodeUnavailable},
		{"deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), protocol.CodeUnavailable},
		{"canceled", context.Canceled, protocol.CodeUnavailable},
		{"anything", errors.New("secret: dial 10.0.0.1"), protocol.CodeInternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ErrorFrom(tt.err)
			if got.Code != tt.want {
				t.Errorf("code: got %q, want %q", got.Code, tt.want)
			}
			if strings.Contains(got.Message, "10.0.0.1") {
				t.Errorf("message tells internals: %q", got.Message)
			}
		})
	}
	if got := ErrorFrom(nil); got != nil {
		t.Errorf("ErrorFrom(nil): got %v, want nil", got)
	}
}

func TestFailureLogsWhatIsNotTold(t *testing.T) {
	var out bytes.Buffer
	log := zerolog.New(&out)
	Failure(&log, store.ErrUnavailable)
	if out.Len() != 0 {
		t.Errorf("logged an error that the client was told: %s", &out)
	}
	Failure(&log, errors.New("the true reason"))
	if !strings.Contains(out.String(), "the true reason") {
		t.Errorf("log: got %q, want the error's text", &out)
	}
}

func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		code    protocol.Code
		status  int
		closing protocol.CloseCode
	}{
		{protocol.CodeBadFrame, 400, 4200},
		{protocol.CodeBadChannel, 400, 4200},
		{protocol.CodeBadClient, 400, 4200},
		{protocol.CodeUnknownOp, 400, 4200},
		{protocol.CodeForbidden, 403, 4203},
		{protocol.CodeUnauthorized, 401, 4201},
		{protocol.CodeTokenExpired, 401, 4202},
		{protocol.CodeTooLarge, 413, 4200},
		{protocol.CodeRateLimited, 429, 4204},
		{protocol.CodeTooManyChannels, 400, 4200},
		{protocol.CodeNotSubscribed, 400, 4200},
		{protocol.CodeUnavailable, 503, 4101},
		{protocol.CodeInternal, 500, 4101},
		{"of a later version", http.StatusInternalServerError, 4101},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			status, closing := Answer(tt.code)
			if status != tt.status || closing != tt.closing {
				t.Errorf("got %d, %d, want %d, %d", status, closing, tt.status, tt.closing)
			}
		})
	}
}
