package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/commchannel/gateway/internal/shadow"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// oneLine is err's text on one line, without the names of Go packages. What
// several transports say alike is there once.
func oneLine(err error) string {
	text := ""
	for line := range strings.Lines(strings.NewReplacer("client: ", "", "protocol: ", "", "shadow: ", "").Replace(err.Error())) {
		if line = strings.TrimSpace(line); text == "" {
			text = line
		} else if !strings.HasSuffix(text, line) {
			text += "; " + line
		}
	}
	return printable(text)
}

// interrupted tells what was going on when somebody interrupted it, as far as
// err knows more than that.
func interrupted(err error) string {
	text := strings.TrimSuffix(oneLine(err), context.Canceled.Error())
	if text = strings.TrimSuffix(text, ": "); text == "" {
		return "interrupted"
	}
	return "interrupted: " + text
}

// explain is err on one line, with what can be done about it where that is
// known.
func (c *connection) explain(err error) string {
	if hint := c.hint(err); hint != "" {
		return hint
	}
	return oneLine(err)
}

func (c *connection) hint(err error) string {
	host, isHost := errors.AsType[*net.DNSError](err)
	refused, isRefused := errors.AsType[*client.RefusedError](err)
	told, isTold := errors.AsType[*protocol.Error](err)
	switch {
	case errors.Is(err, client.ErrUnconfirmed):
		return "" // it is told already what can be done
	case errors.As(err, new(*shadow.PollError)):
		return oneLine(err) + "; --legacy names what old pages poll"
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("no TLS is spoken at %s: write http, or ws, in the place of https, or wss", c.where())
	case isHost:
		return fmt.Sprintf("the host %q of --url is not known (%s)", printable(host.Name), printable(host.Err))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: start the gateway, or name its address by --url", c.where())
	case isRefused && (refused.Code == protocol.CloseUnauthorized || refused.Code == protocol.CloseTokenExpired):
		return fmt.Sprintf("%s; --token or %s names another token", oneLine(err), tokenVariable)
	case isTold && told.Code == protocol.CodeUnauthorized:
		return fmt.Sprintf("%s; --token or %s names one", oneLine(err), tokenVariable)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s has not answered in time", c.where())
	}
	return ""
}
