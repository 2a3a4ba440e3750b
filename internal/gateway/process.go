package gateway

import "github.com/rs/zerolog"

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
