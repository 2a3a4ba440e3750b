package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/shadow"
	"github.com/commchannel/gateway/internal/terminal"
	"github.com/commchannel/gateway/protocol/client"
)

const shadowHelp = `Shadow is, for a while, two clients of one channel: it polls --legacy every 500 ms
as the original library's pages do, and listens at --url as the new clients do. It
tells whether the same messages came to both in the same order, and how much
sooner they came to the new one. Use it before a migration, on channels as they
are. It sends nothing; where messages are in memcached, its polling client has a
place in the channel like any other.

What is on its way at the begin or at the end is not counted. Messages are told
apart by their id where the text has one, else by what they say. An interrupt ends
it early, with the verdict on what has come.

Exit code 0: no difference; 1: a difference, or nothing came, or it failed; 2:
wrong usage.`

const shadowExample = `  # the old script against the new gateway, on a channel that is in use
  gateway shadow --legacy http://shop.example/channel.php --url https://push.shop.example/channel room

  # an hour, for programs
  gateway shadow --legacy http://shop.example/channel.php room --duration 1h -o json`

type shadowOptions struct {
	legacy           string
	duration, settle time.Duration
}

func shadowCommand(environ []string) *cobra.Command {
	var o shadowOptions
	cmd := &cobra.Command{
		Use:     "shadow --legacy URL CHANNEL",
		Short:   "Compare an old polling client with a new one",
		Long:    shadowHelp,
		Example: shadowExample,
		Args:    flags.Arguments(1, 1),
	}
	f := cmd.Flags()
	f.StringVar(&o.legacy, "legacy", "", "`URL` that old pages poll: channel.php, or a gateway's")
	f.DurationVar(&o.duration, "duration", time.Minute, "how long to compare; 0: until it is interrupted")
	f.DurationVar(&o.settle, "settle", 5*time.Second, "how long a message may be on its way to one side when it has come to the other")
	flags.Free(cmd, "legacy", "duration", "settle")
	return command(cmd, environ, o.run)
}

func (o *shadowOptions) check(channel string) error {
	switch {
	case o.legacy == "":
		return usagef("--legacy is missing: the URL that old pages poll, like http://shop.example/channel.php")
	case o.duration < 0:
		return usagef("--duration: can't be negative")
	case o.settle < time.Second:
		return usagef("--settle: wants 1s at least, as an old page polls twice a second")
	}
	return checkChannels(channel)
}

func (o *shadowOptions) run(ctx context.Context, s *session, args []string) error {
	channel := args[0]
	if err := o.check(channel); err != nil {
		return err
	}
	poller, err := shadow.NewPoller(o.legacy, channel)
	if err != nil {
		return usagef("--legacy: %s", oneLine(err))
	}
	defer poller.Close()
	show, showed := s.progress()
	c, end, err := s.connect(ctx, nil)
	if err != nil {
		return err
	}
	defer end()
	sub, err := c.Channel(channel).Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		return err
	}
	result, err := shadow.Run(ctx, shadow.Options{
		Channel: channel, Poll: poller.Poll, Events: sub.Events,
		Duration: o.duration, Settle: o.settle, Progress: show,
	})
	showed()
	if err != nil {
		return err
	}
	if s.json {
		err = writeResult(s.out, &result)
	} else {
		err = report(s.out, &result)
	}
	if err != nil {
		return err
	}
	return result.Fault()
}

// progress shows a line over and over on a terminal, until showed takes it
// away. Elsewhere nothing is shown.
func (s *session) progress() (show func(shadow.Progress), showed func()) {
	if !terminal.Is(s.err) {
		return nil, func() {}
	}
	line := terminal.NewLine(s.err)
	return func(p shadow.Progress) { line.Show(progressLine(p)) }, line.Clear
}

func progressLine(p shadow.Progress) string {
	return fmt.Sprintf("%v: %d messages came to both, %d are on their way; sooner by %v, %v (p50, p99)",
		p.Elapsed.Round(time.Second), p.Same, p.Waiting, rounded(p.P50), rounded(p.P99))
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// report writes r for people.
func report(w io.Writer, r *shadow.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{what}, args...)...)
	}
	row("channel", "%s, for %v", r.Channel, r.Elapsed.Round(time.Second))
	row("came to both", "%s", messages(r.Same))
	if r.Same > 0 {
		row("sooner by", "%v p50, %v p99", rounded(r.P50), rounded(r.P99))
	}
	for _, count := range []struct {
		what string
		n    int
	}{
		{"old client alone", r.OnlyLegacy}, {"new client alone", r.OnlyModern}, {"another order", r.Moved},
		{"once more to the old", r.AgainLegacy}, {"twice to the new", r.AgainModern},
	} {
		if count.n > 0 {
			row(count.what, "%s", messages(count.n))
		}
	}
	if r.Gaps > 0 {
		row("gaps", "%d times the gateway told that messages may be missing", r.Gaps)
	}
	if r.FailedPolls > 0 {
		row("failed polls", "%d, the last: %s", r.FailedPolls, oneLine(r.PollError))
	}
	for i := range r.Differences {
		d := &r.Differences[i]
		row(kindText[d.Kind], "%s  %s", d.Message.At.Local().Format("15:04:05.000"), messageText(&d.Message))
	}
	if r.Fault() == nil {
		row("verdict", "no difference")
	}
	return t.Flush()
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// kindText is the kinds of differences, for people.
var kindText = map[string]string{
	shadow.OnlyLegacy: "- old alone", shadow.OnlyModern: "- new alone", shadow.Moved: "- another order",
}

func messageText(m *shadow.Message) string {
	text := field(m.From) + gutter + field(m.Type) + gutter + printable(string(compact(m.Payload)))
	if m.ID != "" {
		text += gutter + "id " + field(m.ID)
	}
	return text
}

// writeResult writes r for programs.
func writeResult(w io.Writer, r *shadow.Result) error {
	type difference struct {
		Kind    string `json:"kind"`
		Time    int64  `json:"time"` // it came, in unix milliseconds
		ID      string `json:"id,omitempty"`
		Type    string `json:"type"`
		From    string `json:"from,omitempty"`
		Payload string `json:"payload"` // its begin, where it is long
	}
	out := struct {
		Channel     string       `json:"channel"`
		Same        bool         `json:"same"` // the verdict
		Seconds     float64      `json:"seconds"`
		Both        int          `json:"both"`
		OnlyLegacy  int          `json:"only_legacy"`
		OnlyNew     int          `json:"only_new"`
		Moved       int          `json:"out_of_order"`
		AgainLegacy int          `json:"again_legacy"`
		AgainNew    int          `json:"again_new"`
		Gaps        int          `json:"gaps"`
		FailedPolls int          `json:"failed_polls"`
		P50         float64      `json:"sooner_p50_ms"`
		P99         float64      `json:"sooner_p99_ms"`
		Differences []difference `json:"differences"`
	}{
		Channel: r.Channel, Same: r.Fault() == nil, Seconds: r.Elapsed.Seconds(), Both: r.Same,
		OnlyLegacy: r.OnlyLegacy, OnlyNew: r.OnlyModern, Moved: r.Moved,
		AgainLegacy: r.AgainLegacy, AgainNew: r.AgainModern, Gaps: r.Gaps, FailedPolls: r.FailedPolls,
		P50: milliseconds(r.P50), P99: milliseconds(r.P99), Differences: []difference{},
	}
	for _, d := range r.Differences {
		m := d.Message
		out.Differences = append(out.Differences, difference{d.Kind, m.At.UnixMilli(), m.ID, m.Type, m.From, string(m.Payload)})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(&out)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
