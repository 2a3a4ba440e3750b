package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestFewOpenFiles(t *testing.T) {
	for limit, warns := range map[uint64]bool{1024: true, fewFiles - 1: true, fewFiles: false, 1 << 20: false} {
		var out bytes.Buffer
		warnOfFewFiles(zerolog.New(&out), limit)
		if got := strings.Contains(out.String(), "few open files"); got != warns {
			t.Errorf("%d files: got %q, want a warning: %v", limit, out.String(), warns)
		}
	}
	if n := openFiles(); n < 256 {
		t.Errorf("got %d open files that this process may have", n)
	}
}
