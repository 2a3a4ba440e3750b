package client

import "time"

// Every time and bound that a client keeps, but for those in [Options] and
// [SubscribeOptions].
const (
	// How long a WebSocket may take to be welcomed: a client's first one, and
	// later ones.
	firstWelcome = 2500 * time.Millisecond
	laterWelcome = 5 * time.Second

	// How long a token may take to be had.
	tokenAnswer = 30 * time.Second

	// How long silence is borne: after a ping, and after a send. Else it is as
	// long as the gateway's "welcome" says, and less where connections break.
	pingAnswer   = 3 * time.Second
	sendAnswer   = 5 * time.Second
	usualPing    = 25 * time.Second
	leastSilence = 5 * time.Second

	// A link that lasts so long did what is expected of one.
	steady   = time.Minute
	longLife = 10 * time.Minute

	// After so many strikes WebSocket counts as blocked, and how that goes on.
	strikes      = 3
	blockedFor   = 30 * time.Minute
	retryBlocked = 5 * time.Minute

	// Between attempts; Backoff tells the rest. Who may come back at once does
	// so within atOnce to twice as long.
	leastPause = 500 * time.Millisecond
	mostPause  = 20 * time.Second
	atOnce     = 50 * time.Millisecond
	passing    = 4 // failures' worth of pause, before a refused subscription is asked for again

	// A long-poll exchange: one that is answered at once, and one that is held
	// (25 s give or take a tenth, by default). One that was held for less than
	// exchangeShort and brought nothing new is borne fruitlessBorne times, if it
	// said anything; then there are pauses of at most fruitlessPause.
	exchangeAnswer = 10 * time.Second
	exchangeHeld   = 40 * time.Second
	exchangeShort  = time.Second
	fruitlessBorne = 2
	fruitlessPause = 5 * time.Second
	exchangeFrames = 99
	exchangeBytes  = 60_000 // the last frame may go beyond

	// The goodbye to the gateway. Over long-poll it is repeated so often at most,
	// with pauses that double, while the gateway still takes the client for
	// present. Where the held exchange had begun so shortly before, the client is
	// to be gone so many times in a row.
	goodbye       = 2 * time.Second
	goodbyes      = 7
	goodbyePause  = 10 * time.Millisecond
	exchangeYoung = 500 * time.Millisecond
	goodbyesYoung = 4

	writeTimeout = 10 * time.Second
	maxAnswer    = 16 << 20 // bytes of a frame from a WebSocket, or of a long-poll's answer
	maxRefusal   = 4 << 10  // bytes of an HTTP error that are read

	// Requests that are not answered.
	maxOutbox = 1000

	// Within two minutes the gateway knows a repeated message by its id:
	// nothing is repeated after that, however long the machine slept.
	repeatable = 100 * time.Second

	// Messages of a subscription whose cursors are remembered.
	remembered = 256

	// What was broken off so soon after it began may have been the history.
	historyWithin = 5 * time.Second

	// A channel that was subscribed to for a Request stays so for a while: the
	// next one may follow.
	linger = 10 * time.Second
)
