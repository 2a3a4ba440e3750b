package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"
)

// phpPause is how often PHP processes here look for messages.
const phpPause = 20 * time.Millisecond

// Which library a PHP process uses.
const (
	oldPHP = "legacy" // the seed's
	newPHP = "client" // ours
)

// A phpAgent is a PHP process with one channel. Its methods may be called from
// any goroutine.
type phpAgent struct {
	id      string
	child   *child
	asking  sync.Mutex
	answers int // read so far; guarded by asking

	heard journal[phpMessage]
}

// A phpMessage is what getMessages returned for one.
type phpMessage struct {
	Type string
	Msg  string
	From any
	Raw  string // of the class CommChannel
}

type phpAnswer struct {
	OK       bool
	Error    string
	Messages []json.RawMessage
}

// startPHP runs php/agent.php with class "Comm" or "JS".
func startPHP(t *testing.T, library, memcached, channel, id, class string) *phpAgent {
	t.Helper()
	need(t, "php")
	cmd := exec.Command("php", "php/agent.php", library, memcached, channel, id, class)
	return &phpAgent{id: id, child: spawn(t, "PHP process "+id, cmd, nil)}
}

// joinPHP is startPHP, with getMessages called once so that the process has
// its place, and from then on again and again.
func joinPHP(t *testing.T, library, memcached, channel, id, class string) *phpAgent {
	t.Helper()
	p := startPHP(t, library, memcached, channel, id, class)
	if err := p.get(); err != nil {
		t.Fatal(err)
	}
	inBackground(t, func(ctx context.Context) {
		if p.get() != nil {
			<-ctx.Done() // the test misses its messages, and shows what PHP wrote
		}
		pause(ctx, phpPause)
	})
	return p
}

func (p *phpAgent) ask(command fields) (phpAnswer, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	var a phpAnswer
	line, err := json.Marshal(command)
	if err != nil {
		return a, err
	}
	if err := p.child.write(line); err != nil {
		return a, err
	}
	text, err := p.child.awaitSaid(p.answers, patience)
	if err != nil {
		return a, err
	}
	p.answers++
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, fmt.Errorf("%s said %q: %w", p.id, text, err)
	}
	if !a.OK {
		err = fmt.Errorf("%s could not %s: %s", p.id, line, a.Error)
	}
	return a, err
}

func (p *phpAgent) get() error {
	a, err := p.ask(fields{"do": "get"})
	for _, raw := range a.Messages {
		var m phpMessage
		if json.Unmarshal(raw, &m.Raw) != nil { // the class JSCommChannel
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
		}
		p.heard.add(m)
	}
	return err
}

// send sends a message of type "msg", or a text where the class is Comm.
func (p *phpAgent) send(text string) error {
	_, err := p.ask(fields{"do": "send", "type": "msg", "payload": text})
	return err
}

func (p *phpAgent) mustSend(t *testing.T, text string) {
	t.Helper()
	if err := p.send(text); err != nil {
		t.Fatal(err)
	}
}

// texts are the messages' "msg".
func (p *phpAgent) texts() []string {
	texts := []string{}
	for _, m := range p.heard.all() {
		texts = append(texts, m.Msg)
	}
	return texts
}

// raws are what the class CommChannel has returned.
func (p *phpAgent) raws() []string {
	texts := []string{}
	for _, m := range p.heard.all() {
		texts = append(texts, m.Raw)
	}
	return texts
}

// startChannelPHP serves the seed's helper script, and returns its URL.
func startChannelPHP(t *testing.T, memcachedPort string) string {
	t.Helper()
	return servePHP(t, "php/legacy", "MEMCACHED_PORT="+memcachedPort) + "/channel.php"
}

// servePHP serves a folder of scripts, which have some more variables in their
// environment, and returns its URL.
func servePHP(t *testing.T, folder string, environ ...string) string {
	t.Helper()
	need(t, "php")
	cmd := exec.Command("php", "-S", "127.0.0.1:0", "-t", folder)
	cmd.Env = append(os.Environ(), append(environ, "PHP_CLI_SERVER_WORKERS=2")...)
	c := spawn(t, "PHP server of "+folder, cmd, nil)
	address := regexp.MustCompile(`\((http://127\.0\.0\.1:\d+)\) started`)
	line := c.started(t, address.MatchString)
	return address.FindStringSubmatch(line)[1]
}
