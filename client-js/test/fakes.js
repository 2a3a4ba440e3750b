// The world that the client is tested in: a clock that is moved by hand, a
// network whose other end is the test, and a page without a browser.

import assert from "node:assert/strict";
import { connect } from "./setup.js";

/** Lets everything happen that waits for nothing but its turn. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class FakeClock {
  #now = 1_700_000_000_000;
  #timers = new Map();
  #last = 0;

  now = () => this.#now;

  setTimeout = (f, ms) => {
    this.#timers.set(++this.#last, { due: this.#now + ms, f });
    return this.#last;
  };

  clearTimeout = (timer) => void this.#timers.delete(timer);

  /** Moves on by ms; each timer fires in its turn, and what it sets off happens. */
  async advance(ms) {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const [id, next] = [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0] ?? [];
      if (!next || next.due > end) break;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, next.due);
      next.f();
      await settled();
    }
    this.#now = end;
  }

  /** Milliseconds until the next timer fires. */
  get untilNext() {
    return Math.min(...[...this.#timers.values()].map(({ due }) => due)) - this.#now;
  }

  /** Jumps ahead as a machine does that slept: no timer fires on the way. */
  sleep(ms) {
    this.#now += ms;
  }
}

export class FakeWebSocket {
  sent = [];
  closed = false;

  constructor(url) {
    this.url = url;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  // What the other end does.

  open() {
    this.onopen?.();
  }

  say(...frames) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** Opens and welcomes. */
  welcome(more = {}) {
    this.open();
    this.say({ op: "welcome", clientid: this.sent[0].clientid, version: 1, ping: 25, max_message: 65536, ...more });
  }

  end(code) {
    this.onclose?.({ code });
  }

  /** The frames of an op that were sent. */
  of(op) {
    return this.sent.filter((frame) => frame.op === op);
  }
}

/** One POST, held until the test answers it. */
export class FakeExchange {
  aborted = false;
  answered = false;

  constructor(url, init) {
    this.url = url;
    this.init = init;
    this.frames = JSON.parse(init.body);
    this.response = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    init.signal?.addEventListener("abort", () => {
      this.aborted = true;
      this.reject(new DOMException("aborted", "AbortError"));
    });
  }

  get pending() {
    return !this.answered && !this.aborted;
  }

  async answer(...frames) {
    await this.reply(200, frames);
  }

  async reply(status, body) {
    this.answered = true;
    this.resolve(new Response(JSON.stringify(body), { status }));
    await settled();
  }

  async fail() {
    this.answered = true;
    this.reject(new TypeError("Failed to fetch"));
    await settled();
  }

  of(op) {
    return this.frames.filter((frame) => frame.op === op);
  }
}

class FakeStorage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => void this.items.set(key, value);
  removeItem = (key) => void this.items.delete(key);
}

/** Counts what is listened to, so that a test can see what is not. */
class FakeTarget extends EventTarget {
  listened = new Set();

  addEventListener(type, f, options) {
    this.listened.add(type);
    super.addEventListener(type, f, options);
  }

  fire(type, more = {}) {
    this.dispatchEvent(Object.assign(new Event(type), more));
  }
}

/**
 * Makes a world. Its `options` are for connect(); with the random 0.5 every
 * pause is the middle of its window.
 */
export function newWorld({ random = () => 0.5, storage = new FakeStorage() } = {}) {
  const clock = new FakeClock();
  const sockets = [];
  const exchanges = [];
  const document = Object.assign(new FakeTarget(), { visibilityState: "visible" });
  const window = Object.assign(new FakeTarget(), {
    document,
    navigator: { onLine: true },
    location: { href: "https://shop.example/page" },
  });
  const world = {
    clock,
    sockets,
    exchanges,
    storage,
    window,
    document,
    refuseSockets: false, // the constructor throws

    /** The newest WebSocket. */
    get socket() {
      return sockets.at(-1);
    },

    /** Moves the clock to where the next WebSocket is opened, and tells how long that took. */
    async nextSocket(within = 20e3) {
      const began = clock.now();
      const before = sockets.length;
      await settled();
      while (sockets.length === before) {
        assert.ok(clock.now() + clock.untilNext - began <= within, `no WebSocket within ${within} ms`);
        await clock.advance(clock.untilNext);
      }
      return Math.round(clock.now() - began);
    },

    /** The exchanges that wait for their answer. */
    get pending() {
      return exchanges.filter((exchange) => exchange.pending);
    },

    /** The one exchange with an op that waits for its answer. */
    asking(op) {
      const found = world.pending.filter((exchange) => exchange.of(op).length > 0);
      assert.equal(found.length, 1, `exchanges with ${op} that wait`);
      return found[0];
    },

    options: {
      clientID: "me",
      clock,
      random,
      storage,
      window,
      WebSocket: class extends FakeWebSocket {
        constructor(url) {
          super(url);
          if (world.refuseSockets) throw new DOMException("blocked", "SecurityError");
          sockets.push(this);
        }
      },
      fetch(url, init) {
        const exchange = new FakeExchange(String(url), init);
        exchanges.push(exchange);
        return exchange.response;
      },
    },
  };
  return world;
}

export const welcome = { op: "welcome", clientid: "me", version: 1, ping: 25, max_message: 65536 };

/** A message frame; its cursor is its number. */
export const message = (n, more = {}) => ({
  op: "message",
  channel: "room",
  cursor: "c" + n,
  id: "m" + n,
  type: "msg",
  from: "bob",
  payload: n,
  ...more,
});

export const subscribed = (n, more = {}) => ({ op: "subscribed", channel: "room", cursor: "c" + n, ...more });

/** Gathers the payloads that a channel gets. */
export function gather(channel, type = "msg") {
  const got = [];
  channel.register(type, (m) => got.push(m.payload));
  return got;
}

/** The acknowledgement of a send frame. */
export const sent = (frame, n = 1) => ({
  op: "sent",
  ref: frame.ref,
  channel: frame.channel,
  id: frame.id,
  cursor: "c" + n,
});

/** Fails unless promise is neither resolved nor rejected. */
export async function stillOpen(promise) {
  const state = await Promise.race([promise.then(() => "resolved", () => "rejected"), settled().then(() => "open")]);
  assert.equal(state, "open");
}

/** Lets the WebSocket that is tried fail, and long-poll prove itself. */
export async function failBeside(world) {
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
}

/** A client whose WebSocket has just failed and whose long-poll works. */
export async function onLongPoll(world, options = {}) {
  const client = connect("/channel", { ...world.options, ...options });
  await failBeside(world);
  return client;
}

/** A client that has nothing but long-poll, and is welcomed. */
export async function polling(world, options = {}) {
  const client = connect("/channel", { ...world.options, transports: ["longpoll"], ...options });
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  return client;
}

/** The same with a subscription that is held. */
export async function holding(world) {
  const client = await polling(world);
  const got = gather(client.channel("room", { since: "c1" }));
  await settled();
  return { client, got };
}
