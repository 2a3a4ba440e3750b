package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// examinePHP asks the PHP of this machine for its extensions.
func (x *exam) examinePHP(ctx context.Context) {
	path := ""
	if x.o.PHP != nil {
		path = x.o.PHP()
	}
	if path == "" {
		x.skip(PHP, "there is no php on the PATH of this machine")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-m").Output()
	if err != nil {
		x.warn(PHP, "run it by hand: php -m", "%s does not tell its extensions: %v", path, err)
		return
	}
	x.find(PHP, judgePHP(strings.Fields(strings.ToLower(string(out))), x.o.Store.ForPHP))
}

// judgePHP looks at a list of extensions. The original library is only a matter
// where it shares the channels.
func judgePHP(extensions []string, original bool) finding {
	has := func(name string) bool { return slices.Contains(extensions, name) }
	var there []string
	for _, name := range []string{"memcache", "memcached", "zlib"} {
		if has(name) {
			there = append(there, name)
		}
	}
	text := fmt.Sprintf("the command line's PHP has %s", strings.Join(there, ", "))
	if len(there) == 0 {
		text = "the command line's PHP has neither memcache nor memcached nor zlib"
	}
	switch {
	case !original:
		return finding{OK, text + "; the library for this layout needs none of them", ""}
	case !has("zlib"):
		return finding{Warn, text + ": it can't read channels that are stored compressed", "install PHP's zlib"}
	case has("memcache"):
		return finding{OK, text + ": the original library's MemcacheCommStore works", ""}
	}
	return finding{Warn, text + "; the original library's MemcacheCommStore wants the extension memcache, and items of memcached are foreign to it",
		"install php-memcache; or use this project's client-php, which needs no extension but zlib"}
}
