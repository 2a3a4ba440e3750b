package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// span tells a time to people, in at most two units.
func span(d time.Duration) string {
	switch d = d.Round(100 * time.Millisecond); {
	case d < 0:
		return "-" + span(-d)
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return twoUnits(int(d.Seconds()), 60, "min", "s")
	case d < 24*time.Hour:
		return twoUnits(int(d.Minutes()), 60, "h", "min")
	}
	return twoUnits(int(d.Hours()), 24, "d", "h")
}

// twoUnits leaves the smaller unit out where there is none of it.
func twoUnits(n, per int, large, small string) string {
	if n%per == 0 {
		return fmt.Sprintf("%d %s", n/per, large)
	}
	return fmt.Sprintf("%d %s %d %s", n/per, large, n%per, small)
}

func bytesText(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// quoted is a name as it is where it is plain, else in quotes and with escapes:
// whoever writes to memcached chooses it, and it goes to a terminal.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == '"' || r == utf8.RuneError
	}) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}

// visible is JSON, or a part of it, with escapes for what a terminal would not
// show.
func visible(json string) string {
	if !strings.ContainsFunc(json, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return json
	}
	var b strings.Builder
	for _, r := range json {
		switch {
		case unicode.IsGraphic(r):
			b.WriteRune(r)
		case r == ' ', r == '\n', r == '\t', r == '\r':
			b.WriteByte(' ') // between tokens
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// short cuts a text behind so many characters.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
