import { backoff } from "./backoff.js";
import { CATCH_UP_HELD, CATCH_UP_PAUSE, CATCH_UP_TRIES, EXCHANGE_ANSWER } from "./limits.js";
import { exchange } from "./longpoll.js";
import { newTimer } from "./timer.js";

/** @import { Env, Frame } from "./types.js" */

const REF = 1; // of the subscription, in each exchange

/**
 * Where it gets what it gives, and to whom.
 *
 * @typedef {object} Ways
 * @property {Env} env
 * @property {string} url
 * @property {() => Frame} hello
 * @property {(frame: Frame) => void} give in order, each once: `subscribed`, messages, gaps; or an error, and then nothing
 * @property {() => void} live what take() is called with from now on is to be given by others
 * @property {() => void} fail it can't be had
 */

/**
 * Brings somebody who wants to begin elsewhere to where a live subscription
 * is. What comes live is held back; meanwhile exchanges that are answered at
 * once, each from where the one before ended, fetch what there is, until a
 * place in it is one that the live messages have passed, too. There the held
 * ones go on. Cursors can be compared for nothing but equality: that is all
 * that is done with them here.
 *
 * The live subscription may be ahead, as usual, or behind: then what was
 * fetched goes beyond it, and nothing more is there to be fetched until it
 * comes live.
 *
 * @param {Ways} ways
 * @param {Frame} wish a `subscribe` with a `since` or a `history`, or neither
 * @param {string} at the place of the live subscription
 * @returns what is to be told each frame that comes live, and what ends it
 */
export function catchUp({ env, url, hello, give, live, fail }, { channel, since = "", history }, at) {
  /** @type {Frame[]} what came live and is not behind `place` yet, as far as is known */
  let held = [];
  let place = since; // of what was given
  let failures = 0;
  let losses = 0; // answers before which messages may be missing
  let fruitless = 0; // exchanges that brought nothing, since it waits for what is live
  let over = false;
  /** @type {AbortController|undefined} of the exchange under way */
  let fetching;
  const next = newTimer(env);
  const late = newTimer(env);

  async function fetchMore() {
    const mine = (fetching = new AbortController());
    late.set(EXCHANGE_ANSWER, () => mine.abort());
    const from = place ? { since: place } : { history };
    const frames = [hello(), { op: "subscribe", ref: REF, channel, echo: true, ...from }, { op: "ping" }];
    let answer;
    try {
      answer = await exchange(env, url, frames, { signal: mine.signal });
    } catch {
      // The leader's own link tells what is wrong, if it is more than a moment's.
    }
    if (over) return;
    fetching = undefined;
    late.clear();
    if (answer) onanswer(answer);
    else if (++failures < CATCH_UP_TRIES) next.set(backoff(env.random, failures), fetchMore);
    else {
      close();
      fail();
    }
  }

  /** @param {Frame[]} answer */
  function onanswer(answer) {
    const before = place;
    let more = false;
    let lost = false;
    for (const frame of answer) {
      const { op, cursor = place } = frame;
      const refused = op === "error" && frame.ref === REF;
      if (refused) close();
      else if (frame.channel !== channel) continue;
      give(frame);
      if (refused) return;
      place = cursor;
      more ||= op === "message";
      lost ||= frame.recovered === false;
    }
    if (meet()) return;
    if (!more || place === before) fruitless++;
    else if (lost) next.set(backoff(env.random, losses++), fetchMore); // it may be so each time
    else fetchMore();
  }

  /** Whether the live messages have passed the place, too; then it is over. */
  function meet() {
    const passed = place === at ? 0 : held.findIndex(({ cursor }) => cursor === place) + 1;
    if (!passed && place !== at) return false;
    close();
    for (const frame of held.slice(passed)) give(frame);
    live();
    return true;
  }

  function close() {
    over = true;
    next.clear();
    late.clear();
    fetching?.abort();
  }

  fetchMore();
  return {
    /** @param {Frame} frame */
    take(frame) {
      if (over) return;
      held.push(frame);
      if (held.length > CATCH_UP_HELD) {
        at = frame.cursor ?? at;
        held = []; // it is going to be fetched
      }
      if (fetching || meet() || next.due) return;
      // Not what was waited for: the place may have two names, as it has at
      // the end of an empty channel. Then it is fetched, up to this one.
      next.set(fruitless > 1 ? CATCH_UP_PAUSE : 0, fetchMore);
    },
    close,
  };
}
