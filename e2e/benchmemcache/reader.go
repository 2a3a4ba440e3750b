package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// perConnection is how many channels a connection follows at most, as the
// gateway has it by default.
const perConnection = 64

func channelName(i int) string { return fmt.Sprintf("bench-%d", i) }

// readers are WebSocket connections, and what came over them.
type readers struct {
	warm  int // messages with lesser numbers don't count
	conns []*websocket.Conn
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu    sync.Mutex
	heard map[int]time.Duration // by the message's number
	grown chan struct{}         // holds something when heard has grown
}

func newReaders(warm int) *readers {
	return &readers{warm: warm, heard: make(map[int]time.Duration), grown: make(chan struct{}, 1)}
}

// subscribe follows the channels, each once.
func subscribe(ctx context.Context, addr string, channels, warm int) (*readers, error) {
	r := newReaders(warm)
	for first := 0; first < channels; first += perConnection {
		var names []string
		for i := first; i < min(first+perConnection, channels); i++ {
			names = append(names, channelName(i))
		}
		if err := r.connect(ctx, addr, names); err != nil {
			r.close()
			return nil, err
		}
	}
	r.listen(ctx)
	return r, nil
}

// connect opens a connection that follows channels.
func (r *readers) connect(ctx context.Context, addr string, channels []string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	url := fmt.Sprintf("ws://%s/channel?clientid=reader-%d", addr, len(r.conns))
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	conn.SetReadLimit(1 << 20)
	r.conns = append(r.conns, conn)
	for _, channel := range channels {
		if err := conn.Write(ctx, websocket.MessageText, []byte(`{"op":"subscribe","channel":"`+channel+`"}`)); err != nil {
			return err
		}
	}
	for left := len(channels); left > 0; {
		var f struct{ Op, Message string }
		if err := readFrame(ctx, conn, &f); err != nil {
			return err
		}
		switch f.Op {
		case "subscribed":
			left--
		case "error":
			return errors.New("the gateway said: " + f.Message)
		}
	}
	return nil
}

func readFrame(ctx context.Context, conn *websocket.Conn, f any) error {
	_, text, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, f)
}

// listen takes messages until close.
func (r *readers) listen(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	for _, conn := range r.conns {
		r.done.Go(func() {
			for {
				var f struct {
					Op      string
					Payload json.RawMessage
				}
				if readFrame(ctx, conn, &f) != nil {
					return // what does not come is missed in the end
				}
				var text string
				if f.Op == "message" && json.Unmarshal(f.Payload, &text) == nil {
					r.take(text)
				}
			}
		})
	}
}

// take notes the arrival of a message of writer.php.
func (r *readers) take(text string) {
	now := time.Now()
	var number int
	var sent float64
	if n, _ := fmt.Sscanf(text, "%d %f", &number, &sent); n != 2 || number < r.warm {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.heard[number]; !twice {
		r.heard[number] = time.Duration(float64(now.UnixMicro())-sent*1e6) * time.Microsecond
	}
	select {
	case r.grown <- struct{}{}:
	default:
	}
}

// times waits until all of count messages have come, or none comes any more,
// and returns how long they took, least first, and how many did not come.
func (r *readers) times(ctx context.Context, count int) (times []time.Duration, lost int) {
	for {
		r.mu.Lock()
		times = times[:0]
		for _, d := range r.heard {
			times = append(times, d)
		}
		r.mu.Unlock()
		lost = count - r.warm - len(times)
		if lost == 0 {
			break
		}
		select {
		case <-r.grown:
			continue
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
		}
		break
	}
	slices.Sort(times)
	return times, lost
}

func (r *readers) close() {
	if r.stop != nil {
		r.stop()
	}
	for _, conn := range r.conns {
		_ = conn.CloseNow() // the server goes, too
	}
	r.done.Wait()
}
