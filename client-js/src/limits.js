// Every time and bound that the client keeps. Times are milliseconds.

// How long a WebSocket may take to be welcomed: the page's first one, and later ones.
export const FIRST_WELCOME = 2500;
export const LATER_WELCOME = 5000;

// How long silence is borne: after a ping, and after a send. Else it is as
// long as the gateway's "welcome" says, and less where connections break.
export const PING_ANSWER = 3000;
export const SEND_ANSWER = 5000;
export const USUAL_SILENCE = 25e3;
export const LEAST_SILENCE = 5000;

// A life shorter than this is a strike even if it brought something: where all
// of them end so soon, long-poll is better.
export const SHORT_LIFE = 5000;

// A link that lasts so long did what is expected of one.
export const STEADY = 60e3;
export const LONG_LIFE = 10 * 60e3;

// After so many strikes WebSocket counts as blocked, and how that goes on.
export const STRIKES = 3;
export const BLOCKED_FOR = 30 * 60e3;
export const RETRY_BLOCKED = 5 * 60e3;

// Between attempts.
export const LEAST_PAUSE = 500;
export const FIRST_PAUSE = 2000; // at most; doubled by each failure
export const MOST_PAUSE = 20e3;

// A long-poll exchange: one that is answered at once, and one that is held (25 s
// give or take a tenth, by default). What came back sooner than the shortest
// hold that a gateway can be given (1 s, give or take a tenth) was not held.
export const EXCHANGE_ANSWER = 10e3;
export const EXCHANGE_HELD = 40e3;
export const EXCHANGE_SHORT = 900;
export const EXCHANGE_FRAMES = 99;
export const EXCHANGE_TEXT = 60e3; // characters; the last frame may go beyond

// Sends that are not acknowledged. Within two minutes the gateway knows a
// repeated message by its id: nothing may be repeated after that, however long
// the machine slept.
export const QUEUE = 1000;
export const SEND_TIMEOUT = 30e3;
export const MOST_SEND_TIMEOUT = 100e3;

// What a page posts on its way out, in bytes. Browsers allow 64 KiB in all.
export const KEEPALIVE_ROOM = 60e3;

// Cursors of messages seen, of each channel.
export const REMEMBERED = 256;

// How long an answer to a request may take, unless the request says otherwise,
// and the most that a timer takes.
export const REQUEST_ANSWER = 10e3;
export const MOST_TIMER = 2 ** 31 - 1;

// Messages that came and that a loop has not taken yet.
export const MESSAGES = 1000;

// How long fetching a token may take, and how long after that a refusal is
// the course of things, and no failure.
export const TOKEN_ANSWER = 10e3;
export const TOKEN_SERVED = 20e3;

// Of a connection that tabs share: how long the leader may be silent; how long
// a subscription that has resumed may not yet be where the channel is; how
// often a tab's catching up may fail, its pause once it brings nothing, and how
// many live messages wait for it.
export const LEADER_SILENCE = 10e3;
export const REPLAY = 10e3;
export const CATCH_UP_TRIES = 3;
export const CATCH_UP_PAUSE = 1000;
export const CATCH_UP_HELD = 1000;
