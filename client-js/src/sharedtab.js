import { idMaker } from "./ids.js";
import { LEADER_SILENCE, PING_ANSWER, SEND_ANSWER } from "./limits.js";
import { newLeader } from "./sharedleader.js";
import { newTimer } from "./timer.js";

/** @import { Owner } from "./connection.js" */
/** @import { PageEvent } from "./page.js" */
/** @import { LeaderWord, Radio, Room, Stay, TabWord } from "./shared.js" */
/** @import { Env, Frame, TransportName } from "./types.js" */

const BAD_FRAME = 4200;
const ASKS = 2; // how often a silent leader is asked for a word

/**
 * One tab of a room. It wears the face of a connection, which is that of the
 * room's leader, be that this tab or another one.
 *
 *     enter -> wait for a word of the leader, and for the lock
 *     the lock is ours -> lead, too
 *     a word of the leader -> follow, and listen for the next one
 *     silence -> ask, ask again, enter anew with the lock taken by force
 *     the page goes away, or is frozen -> leave; it is back -> enter
 *     the lock was taken from us, or we can't be served -> go alone
 *
 * @param {Env} env
 * @param {string} url absolute, http or https
 * @param {Owner} owner
 * @param {TransportName[]} kinds
 * @param {Room} room
 * @param {Stay} stay makes a connection of one's own
 * @returns {ReturnType<Stay>}
 */
export function joinTabs(env, url, owner, kinds, room, stay) {
  const newTabID = idMaker("t", env.random);
  const life = new AbortController(); // of all this, up to close
  /** @type {string|undefined} the room's, once it is known */
  let name;
  let away = false; // the page is
  /** @type {ReturnType<Stay>|undefined} our own connection, when we have gone alone */
  let alone;

  // Of one stay in the room.
  /** @type {AbortController|undefined} */
  let inside;
  let tab = "";
  /** @type {Radio|undefined} */
  let radio;
  /** @type {ReturnType<typeof newLeader>|undefined} this tab leads */
  let leader;
  /** @type {Map<string|undefined, {ref: number|undefined, live: boolean}>} subscriptions by channel */
  const subs = new Map();

  // Of the leader that is followed.
  let term = 0;
  let n = 0; // of its last word
  let link = ""; // "" while there is none
  let asks = 0; // since its last word
  const silence = newTimer(env);

  // ---- the room ----

  /** @param {boolean} [force] take the lock from whoever has it */
  function enter(force) {
    if (!name || away || life.signal.aborted) return;
    const mine = (inside = new AbortController());
    const { signal } = mine;
    const leading = name;
    tab = newTabID();
    // Leaders wait for this one, to learn that the tab is gone. So nothing is
    // said before it is held, and each stay in the room has another one: else
    // the tab would have to wait for it behind a leader that hangs.
    hold(tabLock(tab), signal, { signal }, () => {
      radio = room.tune(leading, hear);
      ask();
      hold(leading, signal, force ? { steal: true } : { signal }, lead);
    });
  }

  /**
   * Holds a lock until signal is aborted.
   *
   * @param {string} lock
   * @param {AbortSignal} signal
   * @param {LockOptions} how
   * @param {() => void} then it is held
   */
  function hold(lock, signal, how, then) {
    const held = room.locks.request(lock, how, () => {
      if (signal.aborted) return;
      then();
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    // Taken by somebody else, or this page may have no locks.
    held.catch(() => signal.aborted || goAlone());
  }

  const tabLock = (/** @type {string} */ tab) => name + " " + tab;

  function lead() {
    const { signal } = /** @type {AbortController} */ (inside);
    leader = newLeader({
      env,
      url,
      hello: owner.hello,
      kinds,
      stay,
      // Later than any before, so that what a leader says that has lost its
      // lock and does not know it yet is not listened to.
      term: Math.max(env.now(), term + 1),
      tune: (hear) => room.tune(name ?? "", hear),
      watch: (tab, gone) => void room.locks.request(tabLock(tab), { signal }, gone).catch(() => {}),
      // Somebody has said what the gateway could not read, perhaps another
      // tab: whoever it was, it is the only one who goes on with it.
      onend: (code) => (code === BAD_FRAME ? goAlone() : end(code)),
    });
  }

  function leave() {
    inside?.abort();
    inside = undefined;
    leader?.stop();
    leader = undefined;
    radio?.close();
    radio = undefined;
    silence.clear();
    subs.clear();
    link = "";
    asks = 0;
  }

  function goAlone() {
    leave();
    if (alone || life.signal.aborted) return;
    life.abort();
    alone = stay(env, url, { ...owner, onframe: deliver }, kinds);
  }

  // ---- the leader ----

  /** @param {Pick<TabWord, "op"|"link"|"body"|"event">} word */
  const say = (word) => radio?.post({ tab, ...word });

  /** @param {LeaderWord} word */
  function hear(word) {
    if (!(word.term >= term)) return; // a tab's, or one of a leader that is none any more
    const { op, to } = word;
    const missed = word.term !== term || word.n !== n + 1;
    const mine = !to || to === tab;
    ({ term, n } = word);
    asks = 0;
    expect(LEADER_SILENCE);
    if (missed) link = "";
    if (op === "state" && mine) onstate(word);
    else if (missed) say({ op: "join" });
    else if (op === "alone" && mine) goAlone();
    else if (op === "relay" && mine && word.link === link) onrelay(word);
  }

  /** @param {LeaderWord} word */
  function onstate({ link: name, welcome, state = "connecting", transport = null }) {
    if (!welcome) link = "";
    else if (name !== link) {
      link = name;
      subs.clear();
      owner.onlink(welcome);
    }
    owner.onstate(state, transport);
  }

  /** @param {LeaderWord} word on the link */
  function onrelay({ to, body, sub: ref, live }) {
    if (to && body?.code === "too_many_channels") return goAlone();
    if (ref !== undefined) {
      const sub = [...subs.values()].find((sub) => sub.ref === ref);
      if (!sub) return; // not wanted any more
      if (live) sub.live = true;
    } else if (!to && body?.channel && !subs.get(body.channel)?.live) return;
    if (body) deliver(body);
  }

  /** @param {Frame} frame */
  function deliver(frame) {
    const { op, channel, cursor } = frame;
    // Of one's own messages only the place is told.
    const own = op === "message" && room.own(frame);
    owner.onframe(own ? { op: "subscribed", channel, cursor } : frame);
  }

  /** @param {number} within milliseconds, and up to half as much again, lest all tabs do the same at once */
  function expect(within) {
    silence.set(within * (1 + env.random() / 2), ask);
  }

  /** Asks the leader for a word. More than once: a tab that has slept first hears what was said meanwhile. */
  function ask() {
    if (asks++ < ASKS) {
      say({ op: "join" });
      return expect(PING_ANSWER);
    }
    if (leader) return goAlone(); // one that does not hear itself
    leave();
    enter(true);
  }

  // ---- the page ----

  /** @param {PageEvent} event */
  function onpage(event) {
    if (event === "hide") {
      if (away) return;
      away = true;
      owner.onleave();
      leave();
      owner.onstate("paused", null);
    } else if (away) {
      away = false;
      owner.onstate("connecting", null);
      enter();
    } else if (radio) {
      say({ op: "page", event });
      if (!asks) ask();
    }
  }

  // ---- ends ----

  /** @param {number} [code] with which the gateway has ended it */
  function end(code) {
    leave();
    life.abort();
    owner.onstate("closed", null);
    if (code) owner.onend(code);
  }

  const unlisten = env.page.listen(onpage);
  life.signal.addEventListener("abort", unlisten);
  // A frozen page that had a lock would keep all others waiting.
  room.document?.addEventListener("freeze", () => onpage("hide"), life);
  room.name(env, url).then((known) => {
    name = known;
    enter();
  }).catch(goAlone);

  return {
    send(frame) {
      const { op, channel, ref } = frame;
      if (alone) return alone.send(frame);
      if (!link) return; // the next one begins with all that is wanted
      if (op === "subscribe") subs.set(channel, { ref, live: false });
      if (op === "unsubscribe") subs.delete(channel);
      say({ op: "relay", link, body: frame });
      if (op === "send" && silence.due > env.now() + SEND_ANSWER) expect(SEND_ANSWER);
    },

    close() {
      if (alone) alone.close();
      else end();
    },
  };
}
