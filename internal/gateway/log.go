package gateway

import (
	"bytes"
	"fmt"
	stdlog "log"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/internal/terminal"
)

// newLog makes the log. "auto" is for people on a terminal and for programs
// elsewhere.
func newLog(cfg Config) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(cfg.LogLevel)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("gateway: log level: %w", err)
	}
	out := cfg.LogOutput
	onTerminal := terminal.Is(out)
	if cfg.LogFormat == "console" || cfg.LogFormat == "auto" && onTerminal {
		out = zerolog.ConsoleWriter{
			Out: out, TimeFormat: time.TimeOnly,
			NoColor: !onTerminal || os.Getenv("NO_COLOR") != "",
		}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

// serverLog takes what net/http has to say: mostly of broken clients, and of
// handlers that panicked.
func serverLog(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(lineWriter{log}, "", 0)
}

type lineWriter struct{ log zerolog.Logger }

func (w lineWriter) Write(p []byte) (int, error) {
	level := zerolog.WarnLevel
	if bytes.Contains(p, []byte("panic")) {
		level = zerolog.ErrorLevel
	}
	w.log.WithLevel(level).Str("from", "net/http").Msg(string(bytes.TrimSpace(p)))
	return len(p), nil
}
