import { backoff } from "./backoff.js";
import { BLOCKED_FOR, RETRY_BLOCKED, STEADY, STRIKES } from "./limits.js";

/** @import { Env } from "./types.js" */

/**
 * The memory of whether WebSocket is worth its try. Some networks never let
 * one open, some let it open and cut it soon after. After three strikes of
 * either kind WebSocket counts as blocked for half an hour, and the tab
 * remembers it over page loads.
 *
 * @param {Env} env
 * @param {string} url
 */
export function webSocketHealth(env, url) {
  const key = "commchannel.blocked " + url;
  let until = 0; // blocked so long
  let failures = 0; // before welcome, since the last one
  let refused = 0; // likewise, and long-poll worked
  let cut = 0; // ended within a minute, since one was proven
  let suspect = false; // one failed, and whether long-poll works is not known yet

  /** @param {"getItem"|"setItem"} method */
  const store = (method) => {
    try {
      return env.memory()[method](key, "" + until);
    } catch {
      // There is none, or it is full or forbidden: then the tab forgets.
    }
  };
  const block = () => {
    until = env.now() + BLOCKED_FOR;
    store("setItem");
  };
  until = +(store("getItem") ?? 0);

  const health = {
    /** Whether to go without WebSocket for now. */
    blocked: () => env.now() < until,

    /** How long to leave WebSocket alone while long-poll carries everything, in milliseconds. */
    pause: () => (health.blocked() ? RETRY_BLOCKED : backoff(env.random, failures)),

    /** A WebSocket failed before welcome. That may as well be a dead gateway. */
    failed() {
      suspect = true;
      failures++;
    },

    /** A long-poll exchange worked: the gateway lives, so it was the WebSocket. */
    pollWorked() {
      if (suspect && ++refused >= STRIKES) block();
      suspect = false;
    },

    /** A WebSocket got its welcome. */
    welcomed() {
      suspect = false;
      failures = refused = 0;
    },

    /** A WebSocket was useful: it brought or took a message, or lived for long. */
    proven() {
      cut = 0;
      if (!until) return;
      until = 0;
      store("setItem");
    },

    /**
     * A WebSocket ended, and not by a word of the gateway.
     *
     * @param {number} life milliseconds since its welcome
     */
    ended(life) {
      if (life >= STEADY) health.proven();
      else if (++cut >= STRIKES) block();
    },
  };
  return health;
}
