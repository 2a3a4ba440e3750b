import { FINAL } from "./errors.js";
import { EXCHANGE_ANSWER, EXCHANGE_FRAMES, EXCHANGE_HELD, EXCHANGE_PAUSE, EXCHANGE_TEXT } from "./limits.js";
import { newTimer } from "./timer.js";

/** @import { Env, Frame, Link } from "./types.js" */

/**
 * Asks the gateway for a word: it answers what has a ref. This one is nobody's.
 *
 * @type {Frame}
 */
export const PING = { op: "ping", ref: -1 };

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
  const answer = await response.json();
  const listed = Array.isArray(answer);
  // An error without a ref is about the client itself.
  const error = listed ? answer.find(({ op, ref }) => op === "error" && !ref) : answer;
  // A bad_frame is not final here: it may as well be about the request.
  const final = FINAL.indexOf(error?.code);
  if (listed && final < 1) return answer;
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
 * @param {() => Frame} hello the first frame of each exchange
 * @param {() => Frame[]} subscriptions the `subscribe` frames as of now
 * @returns {Link}
 */
export function openLongPoll(env, url, hello, subscriptions) {
  let welcomed = false;
  let closed = false;
  let woken = false; // what wake starts is on its way
  /** @type {Frame[]} to be answered at once, as the ping is for which the first exchange is welcomed at once */
  const outgoing = [{ op: "ping" }];
  /** @type {AbortController|undefined} the exchange that is answered at once */
  let sending;
  /** @type {AbortController|undefined} the one that is held */
  let polling;

  /** @type {Link} */
  const link = {
    kind: "longpoll",
    onmessage() {},
    onclose() {},

    send(frame) {
      const { op, since } = frame;
      // Another list is to be held. Or there is doubt: what is held may have
      // died, too, and nobody was told.
      if (since || op === "unsubscribe" || frame === PING) stopPolling();
      if (!op.endsWith("subscribe")) outgoing.push(frame);
      wake();
    },

    close() {
      closed = true;
      sending?.abort();
      stopPolling();
    },
  };

  function stopPolling() {
    polling?.abort();
    polling = undefined;
  }

  /** Starts what is to be started, when the caller has said all it has to say. */
  function wake() {
    if (woken) return;
    woken = true;
    queueMicrotask(() => {
      woken = false;
      if (closed) return;
      if (!sending) flush();
      if (!polling && welcomed) poll();
    });
  }

  /**
   * Sends what is to be answered at once: subscriptions without a place to
   * begin at, and after them the rest, so that no answer to a send is missed.
   */
  async function flush() {
    const begun = welcomed ? subscriptions().filter((frame) => !frame.since) : [];
    const frames = [...begun, ...take()];
    if (!frames.length) return;
    const answer = await ask(frames, EXCHANGE_ANSWER, (sending = new AbortController()));
    sending = undefined;
    if (!answer) return;
    deliver(answer);
    if (begun.length) stopPolling();
    wake();
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
   * Holds one exchange after the other. The next one begins where the last
   * one's answer is read, not in a timer: hidden pages get few of those.
   */
  async function poll() {
    const frames = subscriptions().filter((frame) => frame.since);
    if (!frames.length) return;
    const began = env.now();
    const mine = (polling = new AbortController());
    const short = () => env.now() - began < EXCHANGE_PAUSE;
    const next = () => {
      if (mine !== polling) return;
      polling = undefined;
      wake();
    };
    const answer = await ask(frames, EXCHANGE_HELD, mine, (code) => {
      // Something on the way may have no patience with what is held so long.
      // Whether long-poll works as such, an exchange that is not held tells.
      if (code > 0 || short()) fail(code);
      else link.send(PING);
    });
    if (!answer) return;
    deliver(answer);
    // Answered at once with nothing: something on the way doesn't let the
    // gateway hold it. Polling is left, at a bearable pace.
    if (answer.length || !short()) next();
    else env.setTimeout(next, EXCHANGE_PAUSE);
  }

  /**
   * @param {Frame[]} frames
   * @param {number} within milliseconds
   * @param {AbortController} abort
   * @param {(code: any) => void} [failed] is told if it fails, but not if it is late; else onclose is
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
    link.onclose(code > 0 ? code : 1006);
  }

  /** @param {Frame[]} answer */
  function deliver(answer) {
    for (const frame of answer) {
      // Every exchange says hello, and many are welcomed; a WebSocket is once.
      const again = welcomed && frame.op === "welcome";
      welcomed = true;
      if (!closed && !again) link.onmessage(frame);
      if (frame.op === "bye") fail(4000);
    }
  }

  wake();
  return link;
}
