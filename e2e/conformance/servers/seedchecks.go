package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func seedChecks() []check {
	const s = "The seed's polling clients"
	return []check{
		{section: s, promise: "a send is answered with 200 and an empty body",
			says: "The answer is status 200 with an empty body.",
			run:  (*probe).sendEmptyBody},
		{section: s, promise: "what a polling client sent comes back byte for byte",
			says: "What a polling client or PHP sent comes back byte for byte",
			run:  (*probe).byteForByte},
		{section: s, promise: "what is no JSON object is refused",
			says: "The gateway takes no text that is not a JSON object from here",
			run:  (*probe).objectsOnly},
		{section: s, promise: "a body of max_message bytes is taken, and a longer one refused with 413",
			says: "The body is the message, a JSON object of at most max_message bytes",
			run:  (*probe).bodyBound},
		{section: s, promise: "the first poll answers [], and what was there before is not delivered",
			says: "The first poll of a client id on a channel sets its place to the channel's end and answers [] at once: what was there before is not delivered.",
			run:  (*probe).firstPoll},
		{section: s, promise: "what came over frames comes as an envelope of type, payload, msg and from",
			says: "what came over frames comes as the gateway writes it",
			run:  (*probe).envelopes},
		{section: s, promise: "messages come oldest first, one's own included, as application/json",
			says: "The answer is a JSON array of texts, each the text of one message, oldest first; its content type is application/json.",
			run:  (*probe).pollOrder},
		{section: s, promise: "the place moves with each answer",
			says: "It moves once the answer was written, not before.",
			run:  (*probe).placeMoves},
		{section: s, promise: "each client id has a place of its own",
			says: "The place is kept by the gateway, per channel and client id, in the store.",
			run:  (*probe).ownPlaces},
		{section: s, promise: "an empty answer is held back until there is something",
			says: "An empty answer is held back, at most for the hold time, until there is something",
			run:  (*probe).pollHeld},
		{section: s, promise: "?wait=0 answers at once",
			says: "?wait=0 answers at once.",
			run:  (*probe).waitZero},
		{section: s, promise: "ids are read unescaped: % without digits, + and ; stand for themselves",
			says: "% without two hexadecimal digits behind it, + and ; stand for themselves",
			run:  (*probe).unescaped},
		{section: s, promise: "names that can't be are refused with 400",
			says: "channelid and clientid are names as above.",
			run:  (*probe).badSeedNames},
		{section: s, promise: "a POST without Origin needs Content-Type: application/json",
			says: "A POST needs an allowed Origin, or Content-Type: application/json: no form on a foreign page can send either.",
			run:  (*probe).formsKeptOut},
	}
}

// seedSend is how a client of the seed sends a text.
func seedSend(id, channel, text string) request {
	return request{method: http.MethodPost, query: seedQuery(channel, id), body: text}.asJSON()
}

// postText sends a text as a client of the seed does.
func (p *probe) postText(id, channel, text string) {
	if a := p.do(id, seedSend(id, channel, text)); a.status != http.StatusOK || a.body != "" {
		p.Failf("status %d and %.200q, want 200 and an empty body", a.status, a.body)
	}
}

// pollNothing polls once, with more at the end of the query, and wants [].
func (p *probe) pollNothing(id, channel, more string) {
	if a := p.do(id, request{query: seedQuery(channel, id) + more}); a.status != http.StatusOK || a.body != "[]" {
		p.Failf("status %d and %.300q, want 200 and []", a.status, a.body)
	}
}

// pollTexts polls once and returns the texts that came.
func (p *probe) pollTexts(id, channel string) []string {
	return p.textsOf(p.do(id, request{query: seedQuery(channel, id)}))
}

func (p *probe) textsOf(a answer) []string {
	var texts []string
	if err := json.Unmarshal([]byte(a.body), &texts); err != nil || texts == nil || a.status != http.StatusOK {
		p.Failf("status %d and %.300q, want 200 and an array of texts", a.status, a.body)
	}
	return texts
}

// follow polls until count texts have come.
func (p *probe) follow(id, channel string, count int) []string {
	var texts []string
	for len(texts) < count {
		texts = append(texts, p.pollTexts(id, channel)...)
	}
	return texts
}

// wantTexts polls until as many texts as are wanted have come.
func (p *probe) wantTexts(id, channel string, want ...string) {
	if got := p.follow(id, channel, len(want)); !slices.Equal(got, want) {
		p.Failf("the texts %q came, want %q", got, want)
	}
}

func (p *probe) sendEmptyBody() { p.postText(p.id("4711"), p.channel(), `{}`) }

func (p *probe) byteForByte() {
	id, channel := p.id("4711"), p.channel()
	p.pollNothing(id, channel, "")
	all := []string{
		`{"type":"msg","payload":"hi","from":4711}`, "{ \"type\" :\t\"msg\",\n\"payload\":\"\u00e9\\u00e9\\/</script>\", \"payload\":1.0 } ",
		`{}`, `{"a":1e3}`, `{"payload":"` + "\u2028\U0001f600" + `"}`,
	}
	for _, text := range all {
		p.postText(id, channel, text)
	}
	p.wantTexts(id, channel, all...)
}

func (p *probe) objectsOnly() {
	id, channel := p.id("4711"), p.channel()
	p.pollNothing(id, channel, "")
	for _, text := range []string{"", "hello", `"hi"`, "42", "[]", "null", `O:8:"stdClass":0:{}`, `{"a":1`, "{\"a\":\"\xff\"}"} {
		p.wantError(p.do(id, seedSend(id, channel, text)), http.StatusBadRequest, "bad_frame")
	}
	p.postText(id, channel, `{"last":1}`)
	p.wantTexts(id, channel, `{"last":1}`)
}

func (p *probe) bodyBound() {
	id, channel := p.id("4711"), p.channel()
	p.pollNothing(id, channel, "")
	text := `{"payload":"` + strings.Repeat("x", p.maxMessage-len(`{"payload":""}`)) + `"}`
	a := p.do(id, seedSend(id, channel, text))
	if a.status == http.StatusRequestEntityTooLarge && p.maxMessage > 512<<10 {
		p.Skipf("max_message is %d bytes, which is more than the store takes", p.maxMessage)
	}
	if a.status != http.StatusOK {
		p.Failf("status %d for %d bytes, want 200", a.status, len(text))
	}
	p.wantTexts(id, channel, text)
	p.wantError(p.do(id, seedSend(id, channel, text+" ")), http.StatusRequestEntityTooLarge, "too_large")
}

func (p *probe) firstPoll() {
	id, channel := p.id("4711"), p.channel()
	p.postText(id, channel, `{"n":1}`)
	p.pollNothing(id, channel, "")
	p.postText(id, channel, `{"n":2}`)
	p.wantTexts(id, channel, `{"n":2}`)
}

func (p *probe) envelopes() {
	id, channel, bob := p.id("4711"), p.channel(), p.join("bob")
	p.pollNothing(id, channel, "")
	bob.send(channel, "hi")
	bob.say(fmt.Sprintf(`{"op":"send","channel":%q,"type":"t","payload":{ "a" : 1.0 },"reply_to":"x-1"}`, channel))
	p.wantTexts(id, channel,
		fmt.Sprintf(`{"type":"msg","payload":"hi","msg":"hi","from":"%s"}`, bob.who),
		fmt.Sprintf(`{"type":"t","payload":{ "a" : 1.0 },"msg":{ "a" : 1.0 },"from":"%s","reply_to":"x-1"}`, bob.who))
}

func (p *probe) pollOrder() {
	one, two, channel := p.id("1"), p.id("2"), p.channel()
	p.pollNothing(one, channel, "")
	var all []string
	for i := range 6 {
		id := []string{one, two}[i%2]
		all = append(all, fmt.Sprintf(`{"type":"msg","payload":%d,"from":"%s"}`, i, id))
		p.postText(id, channel, all[i])
	}
	a := p.do(one, request{query: seedQuery(channel, one)})
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		p.Failf("content type %q, want application/json", got)
	}
	texts := p.textsOf(a)
	if texts = append(texts, p.follow(one, channel, len(all)-len(texts))...); !slices.Equal(texts, all) {
		p.Failf("the texts %q came, want %q", texts, all)
	}
}

func (p *probe) placeMoves() {
	id, channel := p.id("4711"), p.channel()
	p.pollNothing(id, channel, "")
	for i := range 3 {
		text := fmt.Sprintf(`{"n":%d}`, i)
		p.postText(id, channel, text)
		p.wantTexts(id, channel, text)
	}
	p.pollNothing(id, channel, "&wait=0")
}

func (p *probe) ownPlaces() {
	one, two, channel := p.id("1"), p.id("2"), p.channel()
	p.pollNothing(one, channel, "")
	p.postText(one, channel, `{"n":1}`)
	p.pollNothing(two, channel, "")
	p.postText(one, channel, `{"n":2}`)
	p.wantTexts(two, channel, `{"n":2}`)
	p.wantTexts(one, channel, `{"n":1}`, `{"n":2}`)
}

func (p *probe) pollHeld() {
	id, channel := p.id("4711"), p.channel()
	p.pollNothing(id, channel, "")
	h := p.hold(id, request{query: seedQuery(channel, id)})
	p.wantHeld(h)
	p.postText(p.id("42"), channel, `{"n":1}`)
	if texts := p.textsOf(p.await(h)); !slices.Equal(texts, []string{`{"n":1}`}) {
		p.Failf("the texts %q came", texts)
	}
}

func (p *probe) waitZero() {
	id, channel := p.id("4711"), p.channel()
	p.pollNothing(id, channel, "")
	p.beforeHold(func() { p.pollNothing(id, channel, "&wait=0") })
}

func (p *probe) unescaped() {
	bob, id := p.join("bob"), p.id("4711")
	for _, tt := range []struct{ query, name string }{
		{"a+b;c", "a+b;c"}, {"100%", "100%"}, {"%zz%4", "%zz%4"}, {"%C3%A9%2B%26", "\u00e9+&"}, {"x%41", "xA"},
	} {
		base := p.channel()
		p.pollNothing(id, base+tt.query, "")
		bob.send(base+tt.name, "hi")
		p.follow(id, base+tt.query, 1)
	}
}

func (p *probe) badSeedNames() {
	id, channel := p.id("4711"), p.channel()
	for _, tt := range []struct{ query, code string }{
		{seedQuery("a%20b", id), "bad_channel"}, {seedQuery("", id), "bad_channel"}, {seedQuery("lock_x", id), "bad_channel"},
		{seedQuery("%FF", id), "bad_channel"}, {seedQuery(channel, "a%0Ab"), "bad_client"}, {seedQuery(channel, ""), "bad_client"},
		{seedQuery(channel, strings.Repeat("i", 129)), "bad_client"},
	} {
		p.wantError(p.do(id, request{query: tt.query}), http.StatusBadRequest, tt.code)
		p.wantError(p.do(id, request{method: http.MethodPost, query: tt.query, body: "{}"}.asJSON()), http.StatusBadRequest, tt.code)
	}
}

func (p *probe) formsKeptOut() {
	id, channel := p.id("4711"), p.channel()
	for _, typ := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		r := seedSend(id, channel, `{}`)
		r.header["Content-Type"] = typ
		p.wantError(p.do(id, r), http.StatusUnsupportedMediaType, "bad_frame")
	}
}

func textChecks() []check {
	const s = "Messages as stores keep them"
	return []check{
		{section: s, promise: "a JSON object with a text type is an envelope",
			says: "it is an envelope: type is its type; payload, or where there is none msg, or where there is none either null, its payload, as it stands",
			run:  (*probe).envelopeTexts},
		{section: s, promise: "a from that is a number becomes its text, and what is neither is none",
			says: "If that is a number, as the seed's browser client has it, it is given as its decimal text",
			run:  (*probe).envelopeFrom},
		{section: s, promise: "any other text has the type \"\", nobody it is from, and is itself the payload",
			says: `Any other text has the type "", nobody it is from, and is itself the payload, as a JSON text.`,
			run:  (*probe).otherTexts},
	}
}

// asFrame sends a text as a client of the seed does, and returns the frame that
// it becomes.
func (p *probe) asFrame(s *socket, channel, text string) frame {
	p.postText(p.id("4711"), channel, text)
	return s.want("message")
}

func (p *probe) envelopeTexts() {
	s, channel := p.join("alice"), p.channel()
	s.subscribe(channel, nil)
	for text, payload := range map[string]string{
		`{"type":"msg","payload":{ "a":1.0},"msg":2}`: `{ "a":1.0}`,
		`{"msg":"two","type":"msg"}`:                  `"two"`,
		`{"type":"msg"}`:                              `null`,
		`{"type":"msg","payload":null,"msg":3}`:       `null`,
	} {
		if f := p.asFrame(s, channel, text); f.str("type") != "msg" || f.raw("payload") != payload {
			p.Failf("%s, want the payload %s", f.Text, payload)
		}
	}
}

func (p *probe) envelopeFrom() {
	s, channel := p.join("alice"), p.channel()
	s.subscribe(channel, nil)
	for from, want := range map[string]string{`"bob"`: "bob", `483920`: "483920", `{"a":1}`: "", `true`: "", `null`: "", `[]`: ""} {
		f := p.asFrame(s, channel, `{"type":"msg","payload":1,"from":`+from+`}`)
		if f.str("from") != want || f.has("from") != (want != "") {
			p.Failf("from %s came as %s", from, f.Text)
		}
	}
}

func (p *probe) otherTexts() {
	s, channel := p.join("alice"), p.channel()
	s.subscribe(channel, nil)
	for _, text := range []string{`{}`, `{"type":1,"payload":"hi","from":"bob"}`, `{"Type":"msg"} `, `{"payload":"\u00e9"}`} {
		if f := p.asFrame(s, channel, text); f.raw("type") != `""` || f.has("from") || f.str("payload") != text {
			p.Failf("%s became %s", text, f.Text)
		}
	}
}
