package phpserial_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/commchannel/gateway/internal/phpserial"
)

// php runs testdata/php.php and gives its lines.
func php(t *testing.T, in []byte, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath("php")
	if err != nil {
		t.Skip("php is not here")
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-d", "memory_limit=512M", "testdata/php.php"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("php: %v\n%s%.2000s", err, stderr.Bytes(), out)
	}
	var answers []string
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		answers = append(answers, sc.Text())
	}
	return answers
}

type sample struct {
	Name string
	Text []byte `json:"text_b64"`
	JSON string `json:"json"` // PHP's json_encode, empty where it tells less than ours
}

// samples are what PHP serializes: some written by hand, n made by chance.
func samples(t *testing.T, seed, n string) []sample {
	t.Helper()
	var all []sample
	for _, line := range php(t, nil, "write", seed, n) {
		var s sample
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("php: %v in %s", err, line)
		}
		all = append(all, s)
	}
	return all
}

// ours is what we make of PHP's samples that json_encode tells less of.
var ours = map[string]string{
	"object with private properties": `{"__class":"Point","hidden":1,"Base::same":"of Base","shielded":[true],"x":1,"same":"of Point","next":null}`,
	"property called __class":        `{"__class":"Marked","Marked::__class":"mine","y":2}`,
	"object with __serialize":        `{"__class":"Custom","0":3,"k":4}`,
	"enum twice":                     `[{"__enum":"Suit:Hearts"},{"__enum":"Suit:Hearts"}]`,
	"object in itself":               `{"__class":"stdClass","self":{"__ref":1}}`,
	"array in itself":                `[1,[1,{"__ref":3}]]`,
	"Serializable":                   `{"__class":"Old","__data":"a:2:{i:0;i:1;i:1;s:3:\"two\";}"}`,
	"Serializable of bytes":          `{"__class":"Raw","__data":{"__b64":"/wB9"}}`,
	"not UTF-8":                      `{"0":{"__b64":"Yf8="},"__b64:a/4=":{"__b64":"wyg="}}`,
	"no numbers":                     `["INF","-INF","NAN"]`,
	"minus nought":                   `-0`,
	"ArrayObject":                    `{"__class":"ArrayObject","0":0,"1":[1,2],"2":[],"3":null}`,
	"SplObjectStorage":               `{"__class":"SplObjectStorage","0":[{"__class":"stdClass"},5],"1":[]}`,
	"DateTime":                       `{"__class":"DateTime","date":"2020-01-02 03:04:05.000000","timezone_type":2,"timezone":"Z"}`,
	"references behind a Serializable": `[{"__class":"stdClass"},{"__class":"Old","__data":"a:2:{i:0;i:1;i:1;i:2;}"},{"__class":"stdClass"},` +
		`{"__class":"Point","hidden":1,"Base::same":"of Base","shielded":[true],"x":1,"same":"of Point","next":null},` +
		`{"__class":"stdClass","self":{"__ref":16}},{"__ref":16}]`,
	"object twice": `[{"__class":"Point","hidden":1,"Base::same":"of Base","shielded":[true],"x":1,"same":"of Point","next":null},` +
		`{"__class":"Point","hidden":1,"Base::same":"of Base","shielded":[true],"x":1,"same":"of Point",` +
		`"next":{"__class":"Point","hidden":1,"Base::same":"of Base","shielded":[true],"x":1,"same":"of Point","next":null}}]`,
}

func TestDecodeReadsWhatPHPWrites(t *testing.T) {
	seen := 0
	for _, s := range samples(t, "1", "3000") {
		got, err := phpserial.Decode(s.Text, phpserial.Limits{})
		if err != nil {
			t.Errorf("%s: %s: %v", s.Name, s.Text, err)
			continue
		}
		if s.JSON == "" {
			seen++
			if string(got) != ours[s.Name] {
				t.Errorf("%s: %q\n got %s\nwant %s", s.Name, s.Text, got, ours[s.Name])
			}
			continue
		}
		g, w := parseTree(t, got).withoutClass().String(), parseTree(t, []byte(s.JSON)).String()
		if g != w {
			t.Errorf("%s: %q\n got %s\nwant %s", s.Name, s.Text, g, w)
		}
	}
	if seen != len(ours) {
		t.Errorf("PHP made %d of %d samples", seen, len(ours))
	}
}

func TestPHPReadsWhatAppendNativeWrites(t *testing.T) {
	payloads := []string{
		`null`, `true`, `0`, `-1`, `9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `-1e30`, `1.0`, `-0.0`,
		`0.1`, `5e-324`, `1.7976931348623157e308`, `2.2250738585072011e-308`, `123456789012345680.5`, `1e15`, `1E-7`,
		`""`, `"\u0000"`, `"é😀\u2028\"\\\/"`, `[]`, `{}`, `[[]]`, `{"a":{"b":[1,{"c":null}]}}`,
		`{"0":1,"1":2}`, `{"1":1,"0":2}`, `{"05":1,"5":2,"-5":3,"-0":4,"":5,"1.0":6,"9223372036854775808":7,"-9223372036854775808":8}`,
		`{"__class":"stdClass","x":1}`, `{"__enum":"Suit:H"}`, `"O:8:\"stdClass\":0:{}"`, `{"\u0000*\u0000x":1}`,
		strings.Repeat("[", 63) + strings.Repeat("]", 63),
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		payloads = append(payloads, randomJSON(r, 6))
	}
	var asked bytes.Buffer
	for _, p := range payloads {
		text, err := phpserial.AppendNative(nil, phpserial.Native{Type: "typ", ID: "id", Payload: json.RawMessage(p)})
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		line, err := json.Marshal(sample{Text: text, JSON: p})
		if err != nil {
			t.Fatal(err)
		}
		asked.Write(append(line, '\n'))
	}
	answers := php(t, asked.Bytes(), "read")
	if len(answers) != len(payloads) {
		t.Fatalf("got %d answers to %d questions", len(answers), len(payloads))
	}
	for i, answer := range answers {
		if answer != "same" {
			t.Errorf("%s\nis, to unserialize and to json_decode, %s", payloads[i], answer)
		}
	}
}

// What we take PHP takes, for the types that need no class, and to both it
// means the same.
func TestDecodeTakesNoMoreThanPHP(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var asked bytes.Buffer
	var texts, mine []string
	objects := regexp.MustCompile(`[OEC]:`)
	for _, s := range samples(t, "2", "1500") {
		for range 30 {
			text := mutate(r, s.Text)
			got, err := phpserial.Decode(text, phpserial.Limits{})
			if err != nil || objects.Match(text) {
				continue
			}
			texts, mine = append(texts, string(text)), append(mine, string(got))
			line, _ := json.Marshal(text)
			asked.WriteString(strings.Trim(string(line), `"`) + "\n")
		}
	}
	t.Logf("%d mutated texts that we take", len(texts))
	if len(texts) < 1000 {
		t.Fatalf("only %d texts to compare", len(texts))
	}
	for i, answer := range php(t, asked.Bytes(), "try") {
		switch {
		case answer == "?" || strings.Contains(mine[i], "__ref") || strings.Contains(mine[i], "INF") || strings.Contains(mine[i], "NAN"):
		case answer == "refused":
			t.Errorf("we read %q as %s, and PHP refuses it", texts[i], mine[i])
		case parseTree(t, []byte(answer)).String() != parseTree(t, []byte(mine[i])).String():
			t.Errorf("%q\nPHP reads %s\n       we %s", texts[i], answer, mine[i])
		}
	}
}

// mutate changes up to three bytes of text, or what is around them.
func mutate(r *rand.Rand, text []byte) []byte {
	text = bytes.Clone(text)
	const letters = `0123456789+-.eE:;"{}NbidsaRrx`
	for range 1 + r.IntN(3) {
		i := r.IntN(len(text))
		switch r.IntN(3) {
		case 0:
			text[i] = letters[r.IntN(len(letters))]
		case 1:
			text = append(text[:i], text[min(i+1+r.IntN(3), len(text)):]...)
		case 2:
			text = append(text[:i:i], append([]byte{letters[r.IntN(len(letters))]}, text[i:]...)...)
		}
		if len(text) == 0 {
			return []byte("N;")
		}
	}
	return text
}
