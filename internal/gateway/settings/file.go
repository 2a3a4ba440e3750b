package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the file, in bytes.
const maxFile = 1 << 20

// loadFile reads a YAML mapping of settings. It works on the nodes, whose
// texts stand as they were written and know their lines; the values decide
// what a text means, not YAML.
func (s *Set) loadFile(path string, taken map[string]bool) {
	data, err := readFile(path)
	if err != nil {
		s.mistake("%w", err)
		return
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return // nothing in it but comments
	} else if err != nil {
		s.mistake("%w", syntaxError(path, err))
		return
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		s.mistake("%s: has more than one document", path)
	}
	root := follow(doc.Content[0])
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return
	}
	if root.Kind != yaml.MappingNode {
		s.mistake("%s:%d: settings are written as name: value", path, root.Line)
		return
	}
	s.loadMapping(path, root, taken)
}

func (s *Set) loadMapping(path string, root *yaml.Node, taken map[string]bool) {
	lines := make(map[string]int) // of the settings met so far
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := follow(root.Content[i]), follow(root.Content[i+1])
		name := strings.ReplaceAll(key.Value, "_", "-")
		where := fmt.Sprintf("%s:%d: %s", path, key.Line, key.Value)
		switch v, ok := s.values[name]; {
		case !ok:
			s.mistake("%s: unknown key%s", where, didYouMean(name, s.Names()))
		case s.alone[name]:
			s.mistake("%s: can't be set in the file", where)
		case lines[name] != 0:
			s.mistake("%s: was set in line %d", where, lines[name])
		default:
			lines[name] = key.Line
			s.loadNode(path, key.Value, v.Many(), name, value, taken)
		}
	}
}

func (s *Set) loadNode(path, key string, many bool, name string, value *yaml.Node, taken map[string]bool) {
	at := fmt.Sprintf("%s:%d", path, value.Line)
	where := at + ": " + key
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		s.mistake("%s: has no value", where)
	case value.Kind == yaml.ScalarNode:
		s.apply(Source{FromFile, at}, where, name, []string{value.Value}, taken)
	case value.Kind == yaml.SequenceNode && !many:
		s.mistake("%s: takes one value, not a list", where)
	case value.Kind == yaml.SequenceNode && len(value.Content) == 0:
		s.mistake("%s: the list is empty; leave the key out", where)
	case value.Kind == yaml.SequenceNode:
		for _, item := range value.Content {
			item = follow(item)
			where := fmt.Sprintf("%s:%d: %s", path, item.Line, key)
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				s.mistake("%s: a list has plain values", where)
				continue
			}
			s.apply(Source{FromFile, at}, where, name, []string{item.Value}, taken)
		}
	default:
		s.mistake("%s: takes a value, not a mapping", where)
	}
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: is larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// syntaxError puts the line that the YAML library tells where all others are.
func syntaxError(path string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): (.*)`).FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s: %s", path, m[1], m[2])
	}
	return fmt.Errorf("%s: %s", path, text)
}
