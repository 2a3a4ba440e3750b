import { ChannelError } from "./errors.js";
import { MOST_SEND_TIMEOUT, QUEUE, SEND_TIMEOUT } from "./limits.js";
import { newTimer } from "./timer.js";

/** @import { Clock, Frame } from "./types.js" */
/** @import { Timer } from "./timer.js" */

/**
 * A request that is not answered yet.
 *
 * @typedef {object} Entry
 * @property {Frame} frame
 * @property {number} tries how many links it went over, but for those that another one took over from
 * @property {Timer} timer which gives it up
 * @property {(answer: Frame) => void} accept
 * @property {(error: ChannelError) => void} refuse
 */

/**
 * Keeps every request until it is answered, refused, or out of time. What was
 * under way when its link broke goes out once more on the next one. A message
 * has the same id then, so that the gateway delivers it once.
 *
 * @param {Clock} clock
 * @param {number} [limit] how many it holds
 * @param {number} [timeout] milliseconds
 */
export function newOutbox(clock, limit = QUEUE, timeout = SEND_TIMEOUT) {
  /** @type {Map<number|undefined, Entry>} by ref, in the order they were asked */
  const entries = new Map();

  /** @param {number|undefined} ref */
  const take = (ref) => {
    const entry = entries.get(ref);
    entry?.timer.clear();
    entries.delete(ref);
    return entry;
  };
  /**
   * @param {number|undefined} ref
   * @param {string} code
   * @param {string} [message]
   */
  const reject = (ref, code, message) => take(ref)?.refuse(new ChannelError(code, message));

  return {
    /**
     * @param {Frame} frame with a ref
     * @returns {Promise<Frame>}
     */
    add: (frame) =>
      new Promise((accept, refuse) => {
        if (entries.size >= limit) return refuse(new ChannelError("queue_full"));
        const { ref } = frame;
        const timer = newTimer(clock).set(Math.min(timeout, MOST_SEND_TIMEOUT), () => reject(ref, "timeout"));
        entries.set(ref, { frame, tries: 0, timer, accept, refuse });
      }),

    /**
     * Gives out, in order, what is to be sent on a link.
     *
     * @param {(frame: Frame) => void} send
     * @param {number} [breaks] the link is new: what went over another one goes
     *   again, after one break at the most. 1 if the last link broke, 0 if this one took over from it
     */
    flush(send, breaks = -1) {
      for (const [ref, entry] of entries) {
        if (entry.tries && breaks < 0) continue;
        if (clock.now() >= entry.timer.due) reject(ref, "timeout");
        else if ((entry.tries += entry.tries ? breaks : 1) > 2) reject(ref, "unconfirmed");
        else send(entry.frame);
      }
    },

    /** All frames that are not answered. */
    frames: () => [...entries.values()].map((entry) => entry.frame),

    /**
     * @param {Frame} frame
     * @returns {boolean} whether it was an answer, be it one that came too late
     */
    settle(frame) {
      const { op, ref, code = "", message } = frame;
      const known = entries.has(ref) || op === "sent";
      if (op === "error") reject(ref, code, message);
      else take(ref)?.accept(frame);
      return known;
    },

    /** @param {string} code that everything is rejected with */
    clear(code) {
      for (const ref of entries.keys()) reject(ref, code);
    },
  };
}
