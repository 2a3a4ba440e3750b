import { backoff } from "./backoff.js";
import { FINAL } from "./errors.js";
import {
  EXCHANGE_ANSWER,
  EXCHANGE_FRAMES,
  EXCHANGE_HELD,
  EXCHANGE_SHORT,
  EXCHANGE_TEXT,
} from "./limits.js";
import { newTimer } from "./timer.js";

/** @import { Owner } from "./connection.js" */
/** @import { Env, Frame, Link } from "./types.js" */

/**
 * Asks the gateway for a word: it answers what has a ref. This one is nobody's.
 *
 * @type {Frame}
 */
export const PING = { op: "ping", ref: -1 };

/** The frames that tell something and move no place. */
const PRESENCE = /^(join|leave|presence)$/;

/**
 * One exchange: an array of frames out, an array of frames back.
 *
 * @param {Env} env
 * @param {string} url
 * @param {Frame[]} frames
 * @param {RequestInit} init `signal`, `keepalive`
 * @returns {Promise<Frame[]>} throws a close code if the gateway refused this client, else anything
 */
export async function exchange(env, url, frames, init) {
  const response = await env.fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(frames),
    ...init,
  });
  /** @type {Frame[] & Frame} the frames, or what is wrong with the request as such */
  const answer = await response.json();
  // An error without a ref is about the client itself.
  const error = response.ok ? answer.find(({ op, ref }) => op === "error" && !ref) : answer;
  // A bad_frame is not final here: it may as well be about the request.
  const final = FINAL.indexOf(error?.code);
  if (response.ok && final < 1) return answer;
  throw final > 0 && 4200 + final;
}

/**
 * Long-poll with a WebSocket's face: frames are sent one by one, and come one
 * by one. Beneath, one exchange with all subscriptions is always held by the
 * gateway, and what is to be answered at once goes in others beside it, one
 * at a time so that sends keep their order.
 *
 * The gateway keeps no state between exchanges. What the subscriptions stand
 * at is asked for before each of them, and an answer that was lost is asked
 * for again.
 *
 * @param {Env} env
 * @param {string} url
 * @param {Pick<Owner, "hello"|"subscriptions">} owner
 * @param {(frame: Frame) => void} heard never before this has returned
 * @param {(code: number) => void} lost it has ended, with a close code such as a WebSocket's; at most once, never after close()
 * @returns {Link}
 */
export function openLongPoll(env, url, { hello, subscriptions }, heard, lost) {
  let welcomed = false;
  let closed = false;
  /** @type {Frame[]} to be answered at once, as the ping is for which the first exchange is welcomed at once */
  const outgoing = [{ op: "ping" }];
  /** @type {AbortController|undefined} the exchange that is answered at once */
  let sending;
  /** @type {AbortController|undefined} the one that is held */
  let polling;
  /** @type {Frame[]} what it asks for; none: another is to begin */
  let held = [];
  let fruitless = 0; // answers to it in a row that came at once, and led nowhere
  const rest = newTimer(env); // after such a one

  /** @type {Link} */
  const link = {
    kind: "longpoll",

    send(frame) {
      // There is doubt: what is held may have died, too, and nobody was told.
      if (frame === PING) held = [];
      if (!frame.op.endsWith("subscribe")) outgoing.push(frame);
      wake();
    },

    close() {
      closed = true;
      rest.clear();
      sending?.abort();
      polling?.abort();
    },
  };

  /** The subscriptions that have a place to go on from. */
  const placed = () => subscriptions().filter((frame) => frame.since);
  /** Those that have none. */
  const unplaced = () => subscriptions().filter((frame) => !frame.since);

  /**
   * @param {Frame[]} some
   * @param {Frame[]} others
   */
  const same = (some, others) => JSON.stringify(some) === JSON.stringify(others);

  /** Starts what is to be started, when the caller has said all it has to say. */
  function wake() {
    queueMicrotask(() => {
      if (closed) return;
      if (!sending) flush();
      if (!welcomed || rest.due || same(held, placed())) return;
      held = placed();
      poll();
    });
  }

  /**
   * Sends what is to be answered at once: subscriptions without a place to
   * begin at, and after them the rest, so that no answer to a send is missed.
   */
  async function flush() {
    const begun = welcomed ? unplaced() : [];
    const frames = [...begun, ...take()];
    if (!frames.length) return;
    const answer = await ask(frames, EXCHANGE_ANSWER, (sending = new AbortController()));
    sending = undefined;
    if (!answer) return;
    deliver(answer);
    // No welcome, or no word about them: the same would follow without end.
    if (!welcomed || (begun.length && same(begun, unplaced()))) fail();
    else wake();
  }

  /** As many of the outgoing frames as may go in one exchange. */
  function take() {
    let n = 0;
    for (let text = 0; n < outgoing.length && n < EXCHANGE_FRAMES && text < EXCHANGE_TEXT; n++) {
      text += JSON.stringify(outgoing[n]).length;
    }
    return outgoing.splice(0, n);
  }

  /**
   * Holds an exchange, in the place of the one before. The next one begins
   * where this one's answer is read, not in a timer: hidden pages get few of
   * those. Only if the same would follow without end, something over there or
   * on the way being out of order, the gateway is left alone for a while.
   */
  async function poll() {
    polling?.abort();
    if (!held.length) return;
    const began = env.now();
    const short = () => env.now() - began < EXCHANGE_SHORT;
    const mine = (polling = new AbortController());
    const answer = await ask(held, EXCHANGE_HELD, mine, (code) => {
      // Something on the way may have no patience with what is held so long.
      // Whether long-poll works as such, an exchange that is not held tells.
      if (code > 0 || short()) fail(code);
      else link.send(PING);
    });
    if (!answer) return;
    if (mine === polling) polling = undefined; // to abort it now would be seen by who reads along
    deliver(answer);
    const astray = answer.some(({ recovered }) => recovered === false); // it may be so each time
    const stuck = (astray || same(held, placed())) && !answer.some(({ op }) => PRESENCE.test(op));
    if (!stuck || !short()) fruitless = 0;
    else rest.set(backoff(env.random, fruitless++), wake);
    held = [];
    wake();
  }

  /**
   * @param {Frame[]} frames
   * @param {number} within milliseconds
   * @param {AbortController} abort
   * @param {(code: any) => void} [failed] is told if it fails, but not if it is late; else lost is
   * @returns {Promise<Frame[]|undefined>} nothing if it was stopped or has failed
   */
  async function ask(frames, within, { signal }, failed = fail) {
    const late = newTimer(env).set(within, fail);
    try {
      const answer = await exchange(env, url, [hello(), ...frames], { signal });
      if (!signal.aborted) return answer;
    } catch (code) {
      if (!signal.aborted) failed(code);
    } finally {
      late.clear();
    }
  }

  /** @param {any} [code] a close code, or whatever was thrown */
  function fail(code) {
    if (closed) return;
    link.close();
    lost(+code || 1006);
  }

  /** @param {Frame[]} answer */
  function deliver(answer) {
    for (const frame of answer) {
      const { op } = frame;
      welcomed ||= op === "welcome";
      if (!closed) heard(frame);
      if (op === "bye") fail(4000);
    }
  }

  wake();
  return link;
}
