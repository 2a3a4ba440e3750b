import { REPLAY } from "./limits.js";
import { catchUp } from "./sharedcatchup.js";

/** @import { Owner } from "./connection.js" */
/** @import { PageEvent } from "./page.js" */
/** @import { LeaderWord, Radio, Stay, TabWord } from "./shared.js" */
/** @import { Env, Frame, TransportName } from "./types.js" */

/**
 * What leading takes.
 *
 * @typedef {object} Office
 * @property {Env} env
 * @property {string} url
 * @property {Owner["hello"]} hello
 * @property {TransportName[]} kinds
 * @property {Stay} stay
 * @property {number} term
 * @property {(hear: (word: any) => void) => Radio} tune a radio of the leader's own, so that its tab hears it as all others do
 * @property {(tab: string, gone: () => void) => void} watch calls back once the tab has left the room, or is dead
 * @property {(code: number) => void} onend the gateway does not want this client back
 */

/**
 * A channel that the leader is subscribed to, for some tabs.
 *
 * @typedef {object} Subscription
 * @property {string} channel
 * @property {number} ref
 * @property {string|undefined} since what it was begun with; without, it began at the channel's end
 * @property {number} began
 * @property {string|undefined} at    the place of what was said last; none before the gateway has answered
 * @property {Map<string, Member>} members by tab
 *
 * @typedef {object} Member
 * @property {Frame} wish the tab's `subscribe`
 * @property {ReturnType<typeof catchUp>} [catching] while it has to
 */

/**
 * Leads the tabs of a room: has their connection, and relays.
 *
 * @param {Office} office
 * @returns what ends it; nobody is told
 */
export function newLeader({ env, url, hello, kinds, stay, term, tune, watch, onend }) {
  let over = false;
  let n = 0;
  /** @type {Set<string>} tabs that are watched */
  const tabs = new Set();
  /** @type {(event: PageEvent) => void} */
  let onpage = () => {};

  // Of the link to the gateway.
  let links = 0;
  let link = ""; // the name of the last one
  /** @type {Pick<LeaderWord, "state"|"transport"|"welcome">} */
  let state = {};
  let lastRef = 0;
  /** @type {Map<number|undefined, {tab: string, ref: number|undefined}>} requests of tabs, by the ref that the gateway knows */
  const asked = new Map();
  /** @type {Map<string, Subscription>} by channel */
  const subs = new Map();

  const radio = tune(hear);
  /** @param {Omit<LeaderWord, "term"|"n"|"link">} word */
  const tell = (word) => {
    if (!over) radio.post({ term, n: ++n, link, ...word });
  };

  // Whether the page is hidden or not is nothing to a leader: it leaves when
  // its tab does. Seen or online may be the page of any tab.
  const page = {
    online: env.page.online,
    listen(/** @type {(event: PageEvent) => void} */ told) {
      onpage = told;
      return () => {};
    },
  };

  const connection = stay(
    { ...env, page },
    url,
    {
      hello,
      subscriptions: () => [...subs.values()].map(subscribeFrame),

      onlink(welcome) {
        forget();
        link = `${term}.${++links}`;
        state = { welcome };
      },

      onframe,
      onleave() {},

      onstate(name, transport) {
        const { welcome } = state;
        if (name === state.state && transport === state.transport) return;
        state = { state: name, transport, welcome: transport ? welcome : undefined };
        tell({ op: "state", ...state });
      },

      onend(code) {
        stop();
        onend(code);
      },
    },
    kinds,
  );

  // ---- what tabs say ----

  /** @param {TabWord} word */
  function hear({ op, tab, link: said, body, event }) {
    if (!tabs.has(tab)) watch(tab, () => leave(tab));
    tabs.add(tab);
    if (op === "page") onpage(event);
    if (op === "join") tell({ op: "state", to: tab, ...state });
    // What was said over a link that is gone, its tab says again over this one.
    if (op !== "relay" || said !== link || !state.welcome) return;
    if (body.op === "subscribe") subscribe(tab, body);
    else if (body.op === "unsubscribe") unsubscribe(tab, body.channel);
    else request(tab, body);
  }

  /**
   * @param {string} tab
   * @param {Frame} body
   */
  function request(tab, { ref, ...rest }) {
    const mine = ref && ++lastRef;
    if (mine) asked.set(mine, { tab, ref });
    connection.send({ ...rest, ref: mine });
  }

  /**
   * @param {string} tab
   * @param {Frame} wish
   */
  function subscribe(tab, wish) {
    const { channel = "", since } = wish;
    unsubscribe(tab, channel, true);
    let sub = subs.get(channel);
    if (!sub) {
      sub = { channel, ref: ++lastRef, since, began: env.now(), at: since, members: new Map() };
      subs.set(channel, sub);
      connection.send(subscribeFrame(sub));
    }
    sub.members.set(tab, { wish });
    // Over long-poll the gateway answers a `since` when there is something to
    // tell. But it is known now where the subscription is.
    if (sub.at) begin(sub, tab);
  }

  /**
   * Tells a tab where its subscription begins, or helps it to get there.
   *
   * @param {Subscription} sub which has a place
   * @param {string} tab
   */
  function begin({ members, since: begun, began, at = "" }, tab) {
    const member = /** @type {Member} */ (members.get(tab));
    const { wish } = member;
    const { ref: sub, channel, since, history } = wish;
    // A subscription that has just resumed may not be where "from now on" is.
    const behind = since ? since !== at : history || (begun && env.now() - began < REPLAY);
    const body = { op: "subscribed", ref: sub, channel, cursor: at };
    if (!behind) return tell({ op: "relay", to: tab, sub, live: true, body });

    const give = (/** @type {Frame} */ frame) => {
      if (frame.op === "error") unsubscribe(tab, channel);
      tell({ op: "relay", to: tab, sub, body: frame.ref ? { ...frame, ref: sub } : frame });
    };
    const live = () => {
      member.catching = undefined;
      tell({ op: "relay", to: tab, sub, live: true });
    };
    const fail = () => tell({ op: "alone", to: tab });
    member.catching = catchUp({ env, url, hello, give, live, fail }, wish, at);
  }

  /**
   * @param {string} tab
   * @param {string} [channel]
   * @param {boolean} [kept] even if no tab is left in it
   */
  function unsubscribe(tab, channel = "", kept) {
    const sub = subs.get(channel);
    sub?.members.get(tab)?.catching?.close();
    if (!sub?.members.delete(tab) || sub.members.size || kept) return;
    subs.delete(channel);
    connection.send({ op: "unsubscribe", channel });
  }

  /** @param {string} tab */
  function leave(tab) {
    tabs.delete(tab);
    for (const channel of [...subs.keys()]) unsubscribe(tab, channel);
  }

  // ---- what the gateway says ----

  /** @param {Frame} frame */
  function onframe(frame) {
    const { ref, channel = "" } = frame;
    const asking = asked.get(ref);
    const sub = subs.get(channel);
    if (asking) {
      asked.delete(ref);
      tell({ op: "relay", to: asking.tab, body: { ...frame, ref: asking.ref } });
    } else if (frame.op === "error") onerror(frame);
    else if (!sub) return;
    else if (frame.op !== "subscribed") sub.at && toAll(sub, frame);
    else if (sub.ref === ref) onsubscribed(sub, frame);
  }

  /** @param {Frame} frame about no request */
  function onerror(frame) {
    const sub = [...subs.values()].find(({ ref }) => ref === frame.ref);
    if (!sub) return tell({ op: "relay", body: { ...frame, ref: undefined } });
    subs.delete(sub.channel);
    for (const [to, { wish, catching }] of sub.members) {
      catching?.close();
      tell({ op: "relay", to, sub: wish.ref, body: { ...frame, ref: wish.ref } });
    }
  }

  /**
   * @param {Subscription} sub
   * @param {Frame} frame
   */
  function onsubscribed(sub, { channel, cursor, recovered }) {
    const begun = sub.at;
    sub.at = cursor;
    // Who began with `since` was told so at once.
    if (!begun) for (const tab of sub.members.keys()) begin(sub, tab);
    else if (recovered === false) toAll(sub, { op: "gap", channel, cursor });
  }

  /**
   * @param {Subscription} sub
   * @param {Frame} frame
   */
  function toAll(sub, frame) {
    sub.at = frame.cursor ?? sub.at;
    tell({ op: "relay", body: frame });
    for (const { catching } of sub.members.values()) catching?.take(frame);
  }

  // ---- ends ----

  /** Forgets all that was under way on a link. */
  function forget() {
    asked.clear();
    for (const { members } of subs.values()) for (const { catching } of members.values()) catching?.close();
    subs.clear();
  }

  function stop() {
    if (over) return;
    over = true;
    forget();
    connection.close();
    radio.close();
  }

  return { stop };
}

/**
 * What subscribes to a channel as of now.
 *
 * @param {Subscription} sub
 * @returns {Frame}
 */
const subscribeFrame = ({ channel, ref, at }) => ({ op: "subscribe", ref, channel, echo: true, since: at });
