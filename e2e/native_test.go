package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A nativeMessage is a message as the class NativeCommChannel returns it.
type nativeMessage struct {
	Type, ID string
	Payload  json.RawMessage
}

// A nativeFrame is a frame that may answer another message.
type nativeFrame struct {
	frame
	ReplyTo string `json:"reply_to"`
}

// command has the agent do something and reads all of its answer, which is of
// another form for each class.
func (p *phpAgent) command(command fields, answer any) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if err := p.child.write(line); err != nil {
		return err
	}
	text, err := p.child.awaitSaid(p.answers, patience)
	if err != nil {
		return err
	}
	p.answers++
	var outcome struct {
		OK    bool
		Error string
	}
	if err := json.Unmarshal([]byte(text), &outcome); err != nil {
		return fmt.Errorf("%s said %q: %w", p.id, text, err)
	}
	if !outcome.OK {
		return fmt.Errorf("%s could not %s: %s", p.id, line, outcome.Error)
	}
	return json.Unmarshal([]byte(text), answer)
}

func (p *phpAgent) mustCommand(t *testing.T, command fields, answer any) {
	t.Helper()
	if err := p.command(command, answer); err != nil {
		t.Fatal(err)
	}
}

// nativeMessages are the new messages of a type. The seed's library has them
// by id, ours in a list.
func (p *phpAgent) nativeMessages(t *testing.T, typ string) []nativeMessage {
	t.Helper()
	var answer struct{ Messages json.RawMessage }
	p.mustCommand(t, fields{"do": "get", "type": typ}, &answer)
	var list []nativeMessage
	if json.Unmarshal(answer.Messages, &list) == nil {
		return list
	}
	var byID map[string]nativeMessage
	if err := json.Unmarshal(answer.Messages, &byID); err != nil {
		t.Fatalf("%s's messages are %s: %v", p.id, answer.Messages, err)
	}
	for _, m := range byID {
		list = append(list, m)
	}
	return list
}

// awaitNative waits for a message of a type with an id.
func (p *phpAgent) awaitNative(t *testing.T, typ, id string) nativeMessage {
	t.Helper()
	var came []nativeMessage
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); pause(t.Context(), phpPause) {
		news := p.nativeMessages(t, typ)
		came = append(came, news...)
		if i := slices.IndexFunc(news, func(m nativeMessage) bool { return m.ID == id }); i >= 0 {
			return news[i]
		}
	}
	t.Fatalf("%s has no message %q with the id %q after %v; what came: %+v", p.id, typ, id, patience, came)
	return nativeMessage{}
}

// hearNative waits for a message of a type that right takes.
func (c *wsClient) hearNative(t *testing.T, typ string, right func(nativeFrame) bool) nativeFrame {
	t.Helper()
	var found nativeFrame
	c.events.first(t, c.id+"'s message of type "+typ, 0, func(e wsEvent) bool {
		var f nativeFrame
		if e.Event != "text" || json.Unmarshal([]byte(e.Text), &f) != nil {
			return false
		}
		found = f
		return f.Op == "message" && f.Type == typ && right(f)
	})
	return found
}

func (c *wsClient) mustSendNative(t *testing.T, f fields) frame {
	t.Helper()
	f["op"] = "send"
	answer, err := c.ask(f)
	if err := sent(answer, err); err != nil {
		t.Fatal(err)
	}
	return answer
}

// wantJSON compares values, with all digits of their numbers.
func wantJSON(t *testing.T, what string, got json.RawMessage, want string) {
	t.Helper()
	decode := func(text string) (v any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %q: %v", what, text, err)
		}
		return v
	}
	if diff := cmp.Diff(decode(want), decode(string(got))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A nativeTalk is a native channel with a PHP process that has one of the
// libraries, a WebSocket client, one that says nothing, and a PHP process
// that gets every text byte for byte.
type nativeTalk struct {
	gateway          *gateway
	memcached        string
	library, channel string
	php, raw         *phpAgent
	ws, witness      *wsClient
	sends            int // of the WebSocket client
}

func startNativeTalk(t *testing.T, g *gateway, memcached, library string) *nativeTalk {
	t.Helper()
	channel := "native-" + library
	talk := &nativeTalk{
		gateway: g, memcached: memcached, library: library, channel: channel,
		php:     startPHP(t, library, memcached, channel, "php", "Native"),
		raw:     joinPHP(t, oldPHP, memcached, channel, "raw-php", "Comm"),
		ws:      joinWS(t, g, "ws", channel),
		witness: joinWS(t, g, "witness", channel),
	}
	talk.php.nativeMessages(t, "message") // it has its place from now on
	return talk
}

// TestNativeChannel: PHP values, and answers to them, go between
// NativeCommChannel of both libraries and WebSocket clients.
func TestNativeChannel(t *testing.T) {
	m := startMemcached(t)
	g := onMemcached(t, m.Addr, "--format", "native*=native")
	for _, library := range []string{oldPHP, newPHP} {
		t.Run(library, func(t *testing.T) {
			talk := startNativeTalk(t, g, m.Addr, library)
			talk.values(t)
			talk.object(t)
			talk.valuesToPHP(t)
			talk.phpAsks(t)
			talk.browserAsks(t)
			talk.pageCannotSend(t)
			talk.wantNoObjects(t)
		})
	}
}

// values go from PHP to browsers, with their types and ids.
func (n *nativeTalk) values(t *testing.T) {
	for i, payload := range []string{
		`"ü/\u2028😀<\\&'\t\""`, `null`, `true`, `-7`, `9007199254740993`, `1.5`, `""`, `[]`,
		`[1,[2,[3,[]]],{"a":{"b":[null,false]}}]`,
		`{"name":"Ann","tags":["x","y"],"deep":{"er":{"est":[0.25,{"ü":"ß"}]}}}`,
	} {
		typ := fmt.Sprintf("value-%d", i)
		var answer struct{ ID string }
		n.php.mustCommand(t, fields{"do": "send", "type": typ, "payload": json.RawMessage(payload)}, &answer)
		for _, c := range []*wsClient{n.ws, n.witness} {
			f := c.hearNative(t, typ, anyFrame)
			wantJSON(t, c.id+"'s payload", f.Payload, payload)
			if f.ID != answer.ID || f.From != "" || f.ReplyTo != "" {
				t.Errorf("PHP's message: got %+v, want the id %q that PHP told, nobody it is from, no answer", f, answer.ID)
			}
		}
	}
}

func anyFrame(nativeFrame) bool { return true }

// sendObject has PHP send an object of a class. Agents get their payloads as
// JSON and have none.
const sendObject = `
require $argv[1];
class Point { public $x = 1; protected $y = [2, 'three']; private $z = null; public $inner; }
$p = new Point;
$p->inner = ['in' => new Point];
[$host, $port] = explode(':', $argv[2]);
(new NativeCommChannel(new MemcacheCommStore($host, $port, $argv[3]), 'objects'))->send($p, 'object');
`

// object goes from PHP to browsers, as an object that names its class.
func (n *nativeTalk) object(t *testing.T) {
	loader := map[string]string{oldPHP: "php/legacy/load.php", newPHP: "../client-php/autoload.php"}[n.library]
	out, err := exec.Command("php", "-r", sendObject, loader, n.memcached, n.channel).CombinedOutput()
	if err != nil {
		t.Fatalf("PHP can't send an object: %v\n%s", err, out)
	}
	want := `{"__class":"Point","x":1,"y":[2,"three"],"z":null,` +
		`"inner":{"in":{"__class":"Point","x":1,"y":[2,"three"],"z":null,"inner":null}}}`
	wantJSON(t, "the object", n.ws.hearNative(t, "object", anyFrame).Payload, want)
}

// valuesToPHP go from browsers to PHP. What looks like an object, or like the
// text of one, is an array and a text for PHP.
func (n *nativeTalk) valuesToPHP(t *testing.T) {
	for i, payload := range []string{
		`"ü/\u2028😀<\\&'\t\""`, `null`, `false`, `12`, `-9007199254740993`, `0.25`, `[]`, `["a",["b",[1,null]]]`,
		`{"name":"Bob","list":[{"k":1},{"k":2}],"7":"seven"}`,
		`{"__class":"Point","x":1,"inner":{"__class":"ArrayObject"}}`,
		`{"__enum":"Suit:Hearts"}`,
		`"O:5:\"Point\":1:{s:1:\"x\";i:1;}"`, `["\";O:8:\"stdClass\":0:{}"]`,
	} {
		typ := fmt.Sprintf("browser-%d", i)
		answer := n.ws.mustSendNative(t, fields{"channel": n.channel, "type": typ, "payload": json.RawMessage(payload)})
		n.sends++
		m := n.php.awaitNative(t, typ, answer.ID)
		wantJSON(t, "PHP's payload", m.Payload, payload)
		f := n.witness.hearNative(t, typ, anyFrame)
		wantJSON(t, "the witness's payload", f.Payload, payload)
		if f.From != "ws" || f.ID != answer.ID {
			t.Errorf("what the witness heard: got %+v, want it from ws with the id %q", f, answer.ID)
		}
	}
	for _, f := range n.ws.messages() {
		if strings.HasPrefix(f.Type, "browser-") {
			t.Errorf("the WebSocket client got its own message %+v", f)
		}
	}
}

// phpAsks by sendAndWait, and a browser answers.
func (n *nativeTalk) phpAsks(t *testing.T) {
	type reply struct{ Reply json.RawMessage }
	asked := make(chan error, 1)
	var got reply
	go func() {
		asked <- n.php.command(fields{"do": "ask", "type": "question", "payload": []any{"how", "many?"}, "timeout": 20}, &got)
	}()
	question := n.ws.hearNative(t, "question", anyFrame)
	wantJSON(t, "the question", question.Payload, `["how","many?"]`)
	n.ws.mustSendNative(t, fields{"channel": n.channel, "reply_to": "somebody-else", "payload": "not for you"})
	n.ws.mustSendNative(t, fields{"channel": n.channel, "reply_to": question.ID, "payload": fields{"many": 7}})
	n.sends += 2
	if err := mustReceive(t, "PHP's answer", asked); err != nil {
		t.Fatal(err)
	}
	var m nativeMessage
	if err := json.Unmarshal(got.Reply, &m); err != nil {
		t.Fatalf("PHP asked and got %s, want a reply", got.Reply)
	}
	wantJSON(t, "the reply", m.Payload, `{"many":7}`)
	if m.Type != "reply" || m.ID != question.ID {
		t.Errorf("the reply: got %+v, want type reply and id %q", m, question.ID)
	}
}

// browserAsks, and PHP replies; the other browser hears both.
func (n *nativeTalk) browserAsks(t *testing.T) {
	question := n.ws.mustSendNative(t, fields{"channel": n.channel, "type": "browser asks", "payload": []int{1, 2}})
	n.sends++
	m := n.php.awaitNative(t, "browser asks", question.ID)
	n.php.mustCommand(t, fields{"do": "reply", "id": m.ID, "payload": fields{"sum": 3}}, &struct{}{})
	for _, c := range []*wsClient{n.ws, n.witness} {
		f := c.hearNative(t, "reply", func(f nativeFrame) bool { return f.ReplyTo == question.ID })
		wantJSON(t, c.id+"'s reply", f.Payload, `{"sum":3}`)
		if f.ID == question.ID || f.ID == "" {
			t.Errorf("the reply's id: got %q, want one of its own", f.ID)
		}
	}
}

// pageCannotSend: texts of polling pages go to PHP as they are, and what PHP
// unserializes is not theirs to write. They may read.
func (n *nativeTalk) pageCannotSend(t *testing.T) {
	page, url := newPoller(t, "77", n.channel), n.gateway.url("/channel.php")
	page.mustPoll(t, url)
	for _, body := range []string{
		page.body("hello"),
		`O:5:"Point":1:{s:1:"x";i:1;}`,
		`a:3:{s:4:"type";s:7:"message";s:2:"id";s:1:"1";s:7:"payload";O:5:"Point":0:{}}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+page.query(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		status, answer, err := do(page.http, r)
		if err != nil || status != http.StatusForbidden || !strings.Contains(string(answer), `"forbidden"`) {
			t.Errorf("a page's send of %s: got %d %s %v, want 403, forbidden", body, status, answer, err)
		}
	}
	n.ws.mustSendNative(t, fields{"channel": n.channel, "type": lastOne, "payload": lastOne})
	n.sends++
	want := fmt.Sprintf(`s:4:"type";s:%d:"%s";`, len(lastOne), lastOne)
	if texts := page.mustPoll(t, url); len(texts) != 1 || !strings.Contains(texts[0], want) {
		t.Errorf("the page's next poll: got %q, want the one text with %s", texts, want)
	}
}

// inspect tells of each of the texts on stdin who wrote it and whether PHP
// would make an object of anything in it.
const inspect = `
function objects($v) {
    if (is_object($v)) return true;
    return is_array($v) && array_filter($v, 'objects') !== [];
}
$told = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $text) {
    $v = unserialize($text, ['allowed_classes' => false]);
    $told[] = ['read' => is_array($v), 'from' => $v['from'] ?? '', 'objects' => objects($v)];
}
echo json_encode($told);
`

// wantNoObjects looks at all that was written, as PHP would. PHP names no
// sender; the gateway does.
func (n *nativeTalk) wantNoObjects(t *testing.T) {
	n.raw.heard.first(t, "raw-php's last text", 0, func(m phpMessage) bool { return strings.Contains(m.Raw, lastOne) })
	texts, err := json.Marshal(n.raw.raws())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("php", "-r", inspect)
	cmd.Stdin = bytes.NewReader(texts)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var told []struct {
		Read, Objects bool
		From          string
	}
	if err := json.Unmarshal(out, &told); err != nil {
		t.Fatalf("PHP said %s: %v", out, err)
	}
	byGateway, objects := 0, 0
	for i, text := range told {
		switch {
		case !text.Read:
			t.Errorf("PHP can't unserialize %q", n.raw.raws()[i])
		case text.From == "ws" && text.Objects:
			t.Errorf("the gateway wrote an object: %q", n.raw.raws()[i])
		case text.From == "ws":
			byGateway++
		case text.Objects:
			objects++
		}
	}
	if byGateway != n.sends || objects != 1 {
		t.Errorf("texts: got %d by the gateway and %d with objects, want %d and PHP's one", byGateway, objects, n.sends)
	}
}
