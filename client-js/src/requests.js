import { ChannelError } from "./errors.js";
import { idMaker } from "./ids.js";
import { MOST_TIMER } from "./limits.js";
import { newTimer } from "./timer.js";

/** @import { Owner } from "./channel.js" */
/** @import { Frame, Message } from "./types.js" */

/**
 * A request whose answer has not come.
 *
 * @typedef {object} Entry
 * @property {Partial<Frame>} frame
 * @property {(answer: Message) => void} resolve
 * @property {(error: any) => void} reject
 * @property {() => void} stop ends its timer, and listening to its signal
 */

/**
 * The requests of one channel: messages that wait for one that answers them.
 *
 * @param {Owner} owner
 */
export function newRequests({ env, newRef, send, settle }) {
  /** @type {Map<string, Entry>} by the id of the message that asks */
  const entries = new Map();
  /** @type {string[]} ids of those that are not sent */
  let unsent = [];
  const newID = idMaker("q", env.random);

  /** @param {string} id */
  function take(id) {
    const entry = entries.get(id);
    entries.delete(id);
    entry?.stop();
    return entry;
  }

  /**
   * @param {string} id
   * @param {any} error
   */
  function fail(id, error) {
    const entry = take(id);
    if (!entry) return;
    // Nor is it sent any more, if it still waits for a connection.
    settle({ op: "error", ref: entry.frame.ref, code: "closed" });
    entry.reject(error);
  }

  return {
    /**
     * @param {Partial<Frame>} frame its channel, type and payload
     * @param {number} timeout milliseconds
     * @param {AbortSignal} [signal]
     * @returns {Promise<Message>}
     */
    add: (frame, timeout, signal) =>
      new Promise((resolve, reject) => {
        const id = newID();
        const abort = () => fail(id, signal?.reason);
        const timer = newTimer(env).set(Math.min(timeout, MOST_TIMER), () => {
          fail(id, new ChannelError("timeout", `no answer in ${timeout} ms`));
        });
        const stop = () => {
          timer.clear();
          signal?.removeEventListener("abort", abort);
        };
        signal?.addEventListener("abort", abort);
        entries.set(id, { frame: { ref: newRef(), id, ...frame }, resolve, reject, stop });
        unsent.push(id);
      }),

    /** Sends those that are not sent: from now on, no answer can be missed. */
    start() {
      const ids = unsent;
      unsent = [];
      for (const id of ids) {
        const entry = entries.get(id);
        if (entry) send(entry.frame).catch((error) => fail(id, error));
      }
    },

    /** @param {Message} message which may be an answer */
    take: (message) => take(message.reply_to ?? "")?.resolve(message),

    /**
     * @param {Error} error that all of them are rejected with
     * @returns {boolean} whether there were any
     */
    clear(error) {
      const some = entries.size > 0;
      for (const id of entries.keys()) fail(id, error);
      return some;
    },
  };
}
