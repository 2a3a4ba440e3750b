package phpserial

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// smallest is the least bytes that a member takes: "i:0;N;".
const smallest = 6

// Marks in JSON, of objects and of bytes that are not UTF-8.
const (
	classKey = "__class"
	bytesKey = "__b64"
)

// array reads `a:1:{i:0;N;}`.
func (p *parser) array(v *value, depth int) {
	p.expect("a:")
	p.members(v, depth)
	v.list = true
	for i := 0; i < len(v.members) && v.list; i++ {
		v.list = v.members[i].key == strconv.Itoa(i)
	}
	if !v.list {
		p.checkKeys(v)
	}
}

// object reads `O:5:"Point":1:{s:1:"x";i:0;}`.
func (p *parser) object(v *value, depth int) {
	v.text = p.counted("O:")
	p.expect(":")
	p.members(v, depth)
	nameProperties(v)
	p.checkKeys(v)
}

// members reads "2:{", two keys and values, and "}".
func (p *parser) members(v *value, depth int) {
	if depth >= p.limits.Depth {
		p.failWith(ErrLimit, p.at, "deeper than %d", p.limits.Depth)
	}
	n := p.size(':', (len(p.s)-p.at)/smallest)
	p.expect("{")
	if p.elements += n; p.elements > p.limits.Elements {
		p.failWith(ErrLimit, p.at, "more than %d elements", p.limits.Elements)
	}
	if p.err != nil {
		return
	}
	members := make([]member, n)
	for i := range members {
		members[i] = member{p.key(), p.value(depth + 1)}
		if p.err != nil {
			return
		}
	}
	v.members = members
	p.expect("}")
}

// key reads a string or an integer.
func (p *parser) key() string {
	if strings.HasPrefix(p.s[p.at:], "i:") {
		v := value{kind: 'i'}
		p.scalar(&v)
		return v.text
	}
	key := p.counted("s:")
	p.expect(";")
	return key
}

// checkKeys makes v's keys fit for JSON and looks that each is there once.
func (p *parser) checkKeys(v *value) {
	seen := make(map[string]struct{}, len(v.members))
	for i := range v.members {
		m := &v.members[i]
		if !utf8.ValidString(m.key) {
			m.key = bytesKey + ":" + base64.StdEncoding.EncodeToString([]byte(m.key))
		}
		if _, twice := seen[m.key]; twice {
			p.fail(v.at, "the key %.40q twice in the array or object", m.key)
			return
		}
		seen[m.key] = struct{}{}
	}
}

// nameProperties makes PHP's keys of properties names, as the package comment
// tells: "\0*\0x" is a protected x, "\0Class\0x" a private one of that class.
func nameProperties(v *value) {
	taken := make(map[string]bool, len(v.members))
	plain := true
	for _, m := range v.members {
		class, name := property(m.key, v.text)
		taken[name] = taken[name] || class == v.text
		plain = plain && name == m.key && name != classKey
	}
	if plain {
		return
	}
	for i := range v.members {
		m := &v.members[i]
		class, name := property(m.key, v.text)
		m.key = name
		if name == classKey || class != v.text && taken[name] {
			m.key = class + "::" + name
		}
		taken[name] = true
	}
}

// property takes the key of a property of an object of class own apart: the
// class is another only for a property that is private to it.
func property(key, own string) (class, name string) {
	if !strings.HasPrefix(key, "\x00") {
		return own, key
	}
	class, name, ok := strings.Cut(key[1:], "\x00")
	switch {
	case !ok:
		return own, key
	case class == "*":
		return own, name
	}
	return class, name
}
