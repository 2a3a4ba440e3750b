package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// ErrorFrom says err in the protocol's words. An *protocol.Error in it stays
// as it is, the store's errors and a context's end have their codes, and
// whatever else is CodeInternal without a detail: its text is for the log.
// ErrorFrom(nil) is nil.
func ErrorFrom(err error) *protocol.Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return e
	}
	say := func(code protocol.Code, message string) *protocol.Error {
		return &protocol.Error{Code: code, Message: message}
	}
	switch {
	case errors.Is(err, store.ErrTooLarge):
		return say(protocol.CodeTooLarge, "the message, or its channel with it, is larger than the store takes")
	case errors.Is(err, store.ErrFull):
		return say(protocol.CodeUnavailable, "the store keeps as many channels as it may; try again later")
	case errors.Is(err, store.ErrForeign):
		return say(protocol.CodeUnavailable, "the store holds something else under the channel's name, and keeps it; try again later")
	case errors.Is(err, store.ErrUnavailable):
		return say(protocol.CodeUnavailable, "the store can't be reached; try again")
	case errors.Is(err, store.ErrClosed):
		return say(protocol.CodeUnavailable, "the gateway is stopping; try again")
	case errors.Is(err, context.DeadlineExceeded):
		return say(protocol.CodeUnavailable, "the store did not answer in time; try again")
	case errors.Is(err, context.Canceled):
		return say(protocol.CodeUnavailable, "the request was given up; try again")
	}
	return say(protocol.CodeInternal, "a fault of the gateway; its log has more")
}

// Failure is ErrorFrom for where err ends: what the client is not told is
// logged.
func Failure(log *zerolog.Logger, err error) *protocol.Error {
	e := ErrorFrom(err)
	if e != nil && e.Code == protocol.CodeInternal {
		log.Error().Err(err).Msg("request failed")
	}
	return e
}

// Answer is the one table from error codes to HTTP statuses and to the close
// codes of a WebSocket that can't go on after such an error.
func Answer(code protocol.Code) (status int, closing protocol.CloseCode) {
	switch code {
	case protocol.CodeBadFrame, protocol.CodeBadChannel, protocol.CodeBadClient,
		protocol.CodeUnknownOp, protocol.CodeTooManyChannels, protocol.CodeNotSubscribed:
		return http.StatusBadRequest, protocol.CloseBadFrame
	case protocol.CodeTooLarge:
		return http.StatusRequestEntityTooLarge, protocol.CloseBadFrame
	case protocol.CodeForbidden:
		return http.StatusForbidden, protocol.CloseForbidden
	case protocol.CodeUnauthorized:
		return http.StatusUnauthorized, protocol.CloseUnauthorized
	case protocol.CodeTokenExpired:
		return http.StatusUnauthorized, protocol.CloseTokenExpired
	case protocol.CodeRateLimited:
		return http.StatusTooManyRequests, protocol.CloseTooMany
	case protocol.CodeUnavailable:
		return http.StatusServiceUnavailable, protocol.CloseUnavailable
	}
	return http.StatusInternalServerError, protocol.CloseUnavailable // back-off, then again
}
