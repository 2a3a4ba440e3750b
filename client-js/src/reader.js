import { ChannelError } from "./errors.js";

/** @import { Message } from "./types.js" */

/**
 * A loop over messages. What comes is kept until the loop asks for it.
 *
 * @typedef {object} Reader
 * @property {AsyncIterableIterator<Message>} iterator
 * @property {(message: Message) => void} push
 * @property {(error?: any) => void} end the loop ends after what is kept; with an error, it throws it then
 */

/**
 * What a loop ends with: `throws` instead of going on behind it.
 *
 * @typedef {{throws?: {error: any}}} End
 */

/**
 * @param {Message[]} kept it begins with these
 * @param {number} limit how many it keeps; with one more, the loop ends with `too_slow`
 * @param {AbortSignal|undefined} signal not aborted yet; ends it at once
 * @param {(rest: Message[]) => void} onstop it ended, and not by end(); the loop was not given these
 * @returns {Reader}
 */
export function newReader(kept, limit, signal, onstop) {
  /** @type {{resolve: (result: IteratorResult<Message>) => void, reject: (error: any) => void}[]} */
  let asked = [];
  /** @type {End|undefined} */
  let ended;

  function serve() {
    while (asked.length && (kept.length || ended)) {
      const [{ resolve, reject }] = asked.splice(0, 1);
      const [value] = kept.splice(0, 1);
      if (value) {
        resolve({ done: false, value });
        continue;
      }
      signal?.removeEventListener("abort", abort);
      const throws = ended?.throws;
      ended = {}; // an error is thrown once
      if (throws) reject(throws.error);
      else resolve({ done: true, value: undefined });
    }
  }

  /** @param {End} how */
  function end(how) {
    ended ??= how;
    serve();
  }

  /** @param {End} how */
  function stop(how) {
    const rest = kept.splice(0);
    if (!ended) onstop(rest);
    end(how);
  }
  const abort = () => stop({ throws: { error: signal?.reason } });

  signal?.addEventListener("abort", abort);

  return {
    push(message) {
      kept.push(message);
      serve();
      if (kept.length <= limit) return;
      const rest = kept.splice(-1);
      end({ throws: { error: new ChannelError("too_slow", `${limit} messages wait for the loop`) } });
      onstop(rest);
    },

    end: (error) => end(error ? { throws: { error } } : {}),

    iterator: {
      next: () =>
        new Promise((resolve, reject) => {
          asked.push({ resolve, reject });
          serve();
        }),

      async return() {
        stop({});
        ended = {};
        signal?.removeEventListener("abort", abort);
        return { done: true, value: undefined };
      },

      [Symbol.asyncIterator]() {
        return this;
      },
    },
  };
}
