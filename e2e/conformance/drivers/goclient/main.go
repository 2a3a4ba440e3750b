// Command goclient moves package protocol/client for the conformance kit; see
// package clients for what it is told, and what it tells.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// A command is a line of the standard input.
type command struct {
	Type    string
	Payload json.RawMessage
}

// A report is a line of the standard output.
type report struct {
	Event   string          `json:"event"`
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type,omitempty"`
	From    string          `json:"from,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Code    string          `json:"code,omitempty"`
}

// A driver is a client on one channel.
type driver struct {
	client  *client.Client
	channel *client.Channel
	telling sync.Mutex
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "goclient URL CHANNEL CLIENTID TRANSPORT")
		os.Exit(2)
	}
	if err := drive(os.Args[1], os.Args[2], os.Args[3], client.Transport(os.Args[4])); err != nil {
		fmt.Fprintln(os.Stderr, "goclient:", err)
		os.Exit(1)
	}
}

// drive lasts until the standard input ends.
func drive(url, channel, id string, kind client.Transport) error {
	c, err := client.New(url, client.Options{ClientID: id, Transport: kind})
	if err != nil {
		return err
	}
	d := &driver{client: c, channel: c.Channel(channel)}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() { d.read(ctx) })
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var do command
		if err = json.Unmarshal(in.Bytes(), &do); err != nil {
			break
		}
		d.send(ctx, do)
	}
	c.Close()
	cancel()
	reading.Wait()
	return errors.Join(err, in.Err())
}

// read tells of all that comes.
func (d *driver) read(ctx context.Context) {
	sub, err := d.channel.Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		d.ended(err)
		return
	}
	for m, err := range sub.Messages(ctx) {
		if _, ok := errors.AsType[*client.GapError](err); ok {
			d.tell(report{Event: "gap"})
		} else if err != nil {
			d.ended(err)
		} else {
			d.tell(report{Event: "message", ID: m.ID, Type: m.Type, From: m.From, Payload: m.Payload})
		}
	}
}

func (d *driver) ended(err error) {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		d.tell(report{Event: "ended", Code: fmt.Sprint(int(refused.Code))})
	}
}

func (d *driver) send(ctx context.Context, do command) {
	receipt, err := d.channel.Send(ctx, do.Type, do.Payload)
	if err == nil {
		d.tell(report{Event: "sent", ID: receipt.ID})
		return
	}
	code := err.Error()
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		code = string(e.Code)
	}
	d.tell(report{Event: "failed", Code: code})
}

func (d *driver) tell(r report) {
	d.telling.Lock()
	defer d.telling.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		panic("goclient: a report: " + err.Error()) // payloads were JSON when they came
	}
	fmt.Println(string(line))
}
