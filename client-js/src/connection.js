import { backoff, jitter } from "./backoff.js";
import { webSocketHealth } from "./health.js";
import {
  FIRST_WELCOME,
  LATER_WELCOME,
  LEAST_SILENCE,
  LONG_LIFE,
  PING_ANSWER,
  SEND_ANSWER,
  SHORT_LIFE,
  STEADY,
  USUAL_SILENCE,
} from "./limits.js";
import { openLongPoll, PING } from "./longpoll.js";
import { newTimer } from "./timer.js";
import { openWebSocket } from "./websocket.js";

/** @import { Env, Frame, Link, StateName, TransportName } from "./types.js" */
/** @import { PageEvent } from "./page.js" */

/**
 * The class of a close code: 40 to come back soon, 41 with back-off, 42 not at all.
 *
 * @param {number} code
 */
const classOf = (code) => Math.floor(code / 100);

/**
 * What a connection asks of the client that owns it, and tells it.
 *
 * @typedef {object} Owner
 * @property {() => Frame} hello           the first frame on every link
 * @property {() => Frame[]} subscriptions what a long-poll asks for
 * @property {(welcome: Frame) => void} onlink a new link is trusted; what was under way on the last one is not any more
 * @property {(frame: Frame) => void} onframe
 * @property {() => void} onleave          the page goes away
 * @property {(state: StateName, transport: TransportName|null) => void} onstate
 * @property {(code: number) => void} onend the gateway does not want this client back
 */

/**
 * The state machine that keeps a client connected. It has at most one active
 * link, which has had its welcome and carries everything, and beside it one of
 * each kind that is being tried.
 *
 *     attempt -> try WebSocket; where it is blocked, long-poll
 *     WebSocket fails before its welcome -> try long-poll at once
 *     welcome -> that link is active; a long-poll it replaces is ended
 *     long-poll active -> try WebSocket beside it, now and then
 *     nothing active, nothing being tried -> wait, then attempt
 *
 * There is one timer for the next attempt, one for the silence of the active
 * link, and one for the welcome of the WebSocket being tried.
 *
 * @param {Env} env
 * @param {string} url absolute, http or https
 * @param {Owner} owner
 * @param {TransportName[]} kinds
 */
export function stayConnected(env, url, owner, kinds) {
  const { now, random, page } = env;
  const health = webSocketHealth(env, url);
  const hasWebSocket = !!env.WebSocket && kinds.includes("websocket");
  const hasLongPoll = kinds.includes("longpoll");

  /** @type {"paused"|"closed"|undefined} */
  let halted;
  /** @type {Link|null} */
  let active = null;
  /** @type {Map<TransportName, Link>} */
  const trying = new Map();

  // Of the active link.
  let since = 0; // when it was welcomed
  let probing = false; // it was asked for a word
  let ping = USUAL_SILENCE; // it is asked for a word after so much silence
  let halvings = 0; // how often that was halved
  const silence = newTimer(env);

  // Of the next attempt.
  let attempts = 0; // in all
  let failures = 0; // links lost since one did what is expected
  let anyway = false; // WebSocket is tried although it is blocked
  let retry = 0; // the gateway's own word on how long to stay away
  let told = false; // the wait for the next attempt is the gateway's word
  const next = newTimer(env);
  const welcome = newTimer(env);

  // ---- attempts ----

  function attempt() {
    next.clear();
    if (page.online()) {
      const blocked = hasLongPoll && health.blocked();
      // Where WebSocket is blocked, long-poll goes alone, unless that has
      // failed, too, or the network may be another one.
      if (active || !blocked || anyway) tryLink("websocket");
      if (!active && (!hasWebSocket || blocked)) tryLink("longpoll");
    }
    tell();
  }

  /** @param {TransportName} kind */
  function tryLink(kind) {
    const socket = kind === "websocket";
    if (!(socket ? hasWebSocket : hasLongPoll) || trying.has(kind) || active?.kind === kind) return;
    const within = attempts++ ? LATER_WELCOME : FIRST_WELCOME;
    /** @type {Link} */
    let link;
    const heard = (/** @type {Frame} */ frame) => onframe(link, frame);
    const lost = (/** @type {number} */ code) => onclose(link, code);
    try {
      link = (socket ? openWebSocket : openLongPoll)(env, url, owner, heard, lost);
    } catch {
      return onfailure(kind, 1006);
    }
    trying.set(kind, link);
    // Open is not healthy: a WebSocket has so long for its welcome. A
    // long-poll has a deadline for each exchange.
    if (socket) welcome.set(within, () => drop(link));
  }

  // ---- what links say ----

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  function onframe(link, frame) {
    const { op } = frame;
    if (link === active) listen();
    if (op === "bye") retry = frame.retry ?? 0;
    // Every exchange of a long-poll says hello, and many are welcomed.
    if (op === "welcome" && link !== active) onwelcome(link, frame);
    if (link !== active) return op === "error" && owner.onframe(frame);
    const useful = op === "message" || op === "sent";
    if (useful) failures = 0;
    if (link.kind === "longpoll") health.pollWorked();
    else if (useful && now() - since >= SHORT_LIFE) health.proven();
    owner.onframe(frame);
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  function onwelcome(link, frame) {
    const before = active;
    forget(link);
    active = link;
    before?.close(); // a long-poll; what it missed comes by the cursors
    since = now();
    if (frame.ping) ping = frame.ping * 1e3;
    if (link.kind === "websocket") {
      dropTrying();
      health.welcomed();
    } else {
      anyway = false;
      retryWebSocket();
    }
    listen();
    owner.onlink(frame);
    tell();
  }

  /**
   * A link has ended, by itself or because it was found dead.
   *
   * @param {Link} link
   * @param {number} code
   */
  function onclose(link, code) {
    if (link !== active) {
      forget(link);
      return onfailure(link.kind, code);
    }
    active = null;
    silence.clear();
    const life = now() - since;
    if (life >= STEADY) failures = 0;
    if (link.kind === "websocket") {
      // Something on the way may end what is silent for too long.
      if (code === 1006) halvings = life > LONG_LIFE ? 0 : halvings + 1;
      if (code < 4000) health.ended(life);
    }
    settle(code);
  }

  /**
   * A link has failed before its welcome.
   *
   * @param {TransportName} kind
   * @param {number} code
   */
  function onfailure(kind, code) {
    // With a code of its own the gateway has spoken: no blocked WebSocket.
    if (kind === "longpoll") anyway = true;
    else if (code < 4000) {
      health.failed();
      if (active) active.send(PING); // does long-poll work just now?
      else tryLink("longpoll");
    }
    settle(code);
  }

  /**
   * Sees to it that there is always something that leads on.
   *
   * @param {number} code what the last link ended with
   */
  function settle(code) {
    if (classOf(code) === 42) {
      close();
      return owner.onend(code);
    }
    if (active) retryWebSocket();
    else if (!trying.size) next.set(pauseAfter(code), attempt);
    tell();
  }

  function retryWebSocket() {
    if (hasWebSocket) next.set(health.pause(), attempt);
  }

  /**
   * How long to stay away: the gateway's word comes first, then the class of
   * its close code.
   *
   * @param {number} code
   */
  function pauseAfter(code) {
    const soon = classOf(code) === 40 && !failures;
    const pause = retry + (soon ? jitter(random) : backoff(random, failures));
    failures++;
    told = retry > 0;
    retry = 0;
    return pause;
  }

  // ---- silence ----

  /**
   * Expects the active WebSocket to say something, and asks it to if it
   * doesn't: the gateway's own pings can't be seen here. A long-poll needs
   * none of this.
   *
   * @param {number} [within] milliseconds
   */
  function listen(within = Math.max(LEAST_SILENCE, ping / 2 ** halvings)) {
    probing = false;
    silence.set(within, () => active?.kind === "websocket" && probe());
  }

  /** Asks the active link for a word; without one it is taken for dead. */
  function probe() {
    const link = active;
    if (!link || probing) return;
    probing = true;
    silence.set(PING_ANSWER, () => drop(link));
    link.send(PING);
  }

  // ---- the page ----

  /** @param {PageEvent} event */
  function onpage(event) {
    if (event === "hide") {
      halted = "paused";
      owner.onleave();
      dropAll();
    } else if (event === "show") {
      halted = undefined;
      attempt();
    } else if (!halted) {
      probe();
      anyway ||= event === "online";
      // A new network, or somebody is looking: no long waiting.
      const missed = !next.due; // its time came while there was no network
      const again =
        active ? missed || event === "online"
        : !trying.size && (missed || !told);
      if (again) next.set(jitter(random), attempt);
    }
  }

  // ---- ends ----

  /** @param {Link} link which was found dead */
  function drop(link) {
    link.close();
    onclose(link, 1006);
  }

  /** @param {Link} link which is not tried any more */
  function forget({ kind }) {
    if (kind === "websocket") welcome.clear();
    trying.delete(kind);
  }

  function dropTrying() {
    for (const link of trying.values()) {
      forget(link);
      link.close();
    }
  }

  function dropAll() {
    dropTrying();
    active?.close();
    active = null;
    next.clear();
    silence.clear();
    tell();
  }

  function close() {
    halted = "closed";
    unlisten();
    dropAll();
  }

  function tell() {
    const state = active ? "connected" : trying.size ? "connecting" : "waiting";
    owner.onstate(halted ?? state, active && active.kind);
  }

  const unlisten = page.listen(onpage);
  attempt();

  return {
    /** @param {Frame} frame goes over the active link, if there is one */
    send(frame) {
      active?.send(frame);
      if (frame.op === "send" && silence.due > now() + SEND_ANSWER) listen(SEND_ANSWER);
    },
    close,
  };
}
