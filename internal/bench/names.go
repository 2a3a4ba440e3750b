package bench

import (
	"strconv"
	"time"
)

// Names are those of one run's channels and clients: no other run's.
type Names struct{ prefix string }

// NewNames makes names for a run that begins now.
func NewNames() Names {
	return Names{"bench-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-"}
}

// Channel is what channel i is called.
func (n Names) Channel(i int) string { return n.prefix + strconv.Itoa(i) }

// client is what client i of a kind is called.
func (n Names) client(kind string, i int) string { return n.prefix + kind + strconv.Itoa(i) }
