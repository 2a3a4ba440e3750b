// A browser with several tabs: they have one clock, and share Web Locks and a
// BroadcastChannel. The network of each is its own, with the test at the other
// end, as in fakes.js.

import assert from "node:assert/strict";
import { FakeClock, gather, newWorld, settled } from "./fakes.js";
import { connect } from "./setup.js";

const robbed = () => new DOMException("stolen", "AbortError");

/** Locks by name: who has each, and who waits. */
class FakeLocks {
  #holders = new Map();
  #waiting = [];
  names = new Set(); // ever asked for

  request(tab, name, how, callback) {
    this.names.add(name);
    return new Promise((resolve, reject) => {
      if (how.steal && how.signal) throw new DOMException("steal and signal", "NotSupportedError");
      if (how.signal?.aborted) return reject(how.signal.reason);
      const asked = { tab, name, callback, resolve, reject };
      if (how.steal) {
        const holder = this.#holders.get(name);
        holder?.tab.do(() => holder.reject(robbed()));
        this.#holders.delete(name);
        this.#waiting.unshift(asked);
      } else this.#waiting.push(asked);
      how.signal?.addEventListener("abort", () => {
        if (!this.#waiting.includes(asked)) return;
        this.#waiting = this.#waiting.filter((one) => one !== asked);
        reject(how.signal.reason);
      });
      queueMicrotask(() => this.#grant());
    });
  }

  #grant() {
    for (const asked of [...this.#waiting]) {
      if (this.#holders.has(asked.name)) continue;
      this.#waiting = this.#waiting.filter((one) => one !== asked);
      this.#holders.set(asked.name, asked);
      asked.tab.do(async () => {
        try {
          asked.resolve(await asked.callback({ name: asked.name }));
        } catch (error) {
          asked.reject(error);
        }
        this.#release((one) => one === asked);
      });
    }
  }

  #release(which) {
    for (const [name, asked] of this.#holders) if (which(asked)) this.#holders.delete(name);
    this.#grant();
  }

  /** All that a tab has goes with it. */
  drop(tab) {
    this.#waiting = this.#waiting.filter((one) => one.tab !== tab);
    this.#release((one) => one.tab === tab);
  }

  held = (tab) => [...this.#holders.values()].filter((one) => one.tab === tab).map(({ name }) => name);
}

/** Hears all of a browser's BroadcastChannels. */
class FakeRadio {
  open = new Set();
  said = []; // {name, data}

  channelFor(tab) {
    const radio = this;
    return class {
      constructor(name) {
        this.name = name;
        this.tab = tab;
        radio.open.add(this);
      }

      postMessage(data) {
        if (!radio.open.has(this)) throw new DOMException("closed", "InvalidStateError");
        radio.said.push({ name: this.name, data: structuredClone(data) });
        for (const other of radio.open) {
          if (other === this || other.name !== this.name) continue;
          if (other.tab.deafened || (other.tab.deaf && other.tab !== tab)) continue;
          const copy = structuredClone(data);
          other.tab.do(() => radio.open.has(other) && other.onmessage?.({ data: copy }));
        }
      }

      close() {
        radio.open.delete(this);
      }
    };
  }
}

/** One tab. What happens to it from outside waits while it hangs, and is not heard once it is dead. */
class FakeTab {
  #missed = [];
  hangs = false;
  dead = false;
  deaf = false; // it hears nothing of other tabs
  deafened = false; // nor of itself
  welcomed = new Set(); // connections
  answered = new Map(); // pings, by connection

  /** `room` is what its channel "room" is made with; all else is for connect(). */
  constructor(browser, { room, ...options } = {}) {
    this.browser = browser;
    const [clock, locks, radio] = [browser.clock, browser.locks, browser.radio];
    this.world = newWorld({ random: browser.random });
    const window = Object.assign(this.world.window, { BroadcastChannel: radio.channelFor(this) });
    window.navigator.locks = { request: (name, how, f) => locks.request(this, name, how, f) };
    const setTimeout = (f, ms) => clock.setTimeout(() => this.do(f), ms);
    this.client = connect("/channel", {
      ...this.world.options,
      clientID: undefined,
      clock: { ...clock, setTimeout, now: clock.now, clearTimeout: clock.clearTimeout },
      shared: true,
      ...options,
    });
    this.room = this.client.channel("room", room);
  }

  do(f) {
    if (this.hangs) this.#missed.push(f);
    else if (!this.dead) queueMicrotask(() => !this.dead && f());
  }

  get socket() {
    return this.world.socket;
  }

  /** How many connections it has tried. */
  get connections() {
    return this.world.sockets.length;
  }

  /** It has a connection that was not closed. */
  get leads() {
    return !this.dead && this.connections > 0 && !this.socket.closed;
  }

  hears(type) {
    return gather(this.room, type);
  }

  hang() {
    this.hangs = true;
  }

  async recover() {
    this.hangs = false;
    for (const f of this.#missed.splice(0)) this.do(f);
    await settled();
  }

  /** Welcomes its newest connection and answers its pings, as a gateway does. */
  serve() {
    if (this.hangs || !this.leads) return;
    if (!this.welcomed.has(this.socket)) this.socket.welcome({ clientid: "us" });
    this.welcomed.add(this.socket);
    const pings = this.socket.of("ping");
    const answered = this.answered.get(this.socket) ?? 0;
    this.answered.set(this.socket, pings.length);
    for (const { ref } of pings.slice(answered)) this.socket.say({ op: "pong", ref });
  }

  /** Its process is gone: it does nothing any more, and the browser cleans up. */
  async crash() {
    this.dead = true;
    for (const channel of this.browser.radio.open) if (channel.tab === this) channel.close();
    this.browser.locks.drop(this);
    await settled();
  }

  async goAway() {
    this.world.window.fire("pagehide", { persisted: true });
    await settled();
  }

  async comeBack() {
    this.world.window.fire("pageshow", { persisted: true });
    await settled();
  }
}

export function newBrowser() {
  let seed = 1;
  const browser = {
    clock: new FakeClock(),
    locks: new FakeLocks(),
    radio: new FakeRadio(),
    tabs: [],

    /** Not random, but never the same for two tabs. */
    random: () => (seed = (seed * 48271) % 2147483647) / 2147483647,

    async open(options) {
      const tab = new FakeTab(browser, options);
      browser.tabs.push(tab);
      await settled();
      return tab;
    },

    /** Lets time pass, with a gateway that is there for all. */
    async pass(ms) {
      for (let step; ms > 0; ms -= step) {
        step = Math.min(500, ms);
        await browser.clock.advance(step);
        for (const tab of browser.tabs) tab.serve();
        await settled();
      }
    },

    /** The one tab that has a connection. */
    get leader() {
      const leaders = browser.tabs.filter((tab) => tab.leads);
      assert.equal(leaders.length, 1, "tabs with a connection");
      return leaders[0];
    },
  };
  return browser;
}

/** So many tabs, whose leader is the first one and has been welcomed. */
export async function openTabs(count, options) {
  const browser = newBrowser();
  for (let i = 0; i < count; i++) await browser.open(options);
  browser.tabs[0].serve();
  await settled();
  return { browser, tabs: browser.tabs };
}

/** What the gateway says to a tab, and all that comes of it. */
export async function say(tab, ...frames) {
  tab.socket.say(...frames);
  await settled();
}

/** Answers the leader's newest subscription. */
export const subscribedTo = (tab, cursor, more = {}) =>
  say(tab, { op: "subscribed", ref: tab.socket.of("subscribe").at(-1).ref, channel: "room", cursor, ...more });

/** Two tabs that are subscribed to a channel, which is at c0. */
export async function subscribedTabs(count = 2, options) {
  const { browser, tabs } = await openTabs(count, options);
  const got = tabs.map((tab) => tab.hears("msg"));
  await settled();
  await subscribedTo(tabs[0], "c0");
  return { browser, tabs, got };
}
