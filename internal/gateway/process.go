package gateway

import (
	"runtime/debug"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// garbage is how much memory may grow before it is searched for what is not
// used any more, in percent of what is in use. A gateway's memory is its idle
// connections', and searching it is a small part of its work: so it is half of
// Go's own default.
const garbage = 50

// tuneProcess sets what the whole process shares. A variable GOGC in environ
// comes first.
func tuneProcess(environ []string) {
	if !slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "GOGC=") }) {
		debug.SetGCPercent(garbage)
	}
}

// fewFiles is how many open files are too few for a gateway that others than
// its author use: each connection is one.
const fewFiles = 10_000

// warnOfFewFiles logs where the operating system allows few open files. Go has
// raised the limit already as far as it may.
func warnOfFewFiles(log zerolog.Logger, limit uint64) {
	if limit < fewFiles {
		log.Warn().Uint64("limit", limit).
			Msg("few open files are allowed, and each connection is one; raise the hard limit (ulimit -Hn, LimitNOFILE= of systemd)")
	}
}
