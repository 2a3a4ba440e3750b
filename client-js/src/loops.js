import { MESSAGES } from "./limits.js";
import { newReader } from "./reader.js";

/** @import { Reader } from "./reader.js" */
/** @import { Message, MessagesOptions } from "./types.js" */

/**
 * The loops over one channel's messages. The subscription ends with the last
 * of them, unless something else wants it kept.
 *
 * @param {() => void} open subscribes, if it isn't already
 * @param {() => void} close
 */
export function newLoops(open, close) {
  /** @type {Set<Reader>} those that go on */
  const readers = new Set();
  /** @type {Message[]} what came before the subscription ended, and the last loop was not given */
  let left = [];
  let kept = false;

  return {
    /** The subscription is to outlive the loops. */
    keep() {
      kept = true;
      left = [];
    },

    /** @param {MessagesOptions} options with a signal that is not aborted yet */
    begin({ signal, buffer = MESSAGES }) {
      /** @type {Reader} */
      const reader = newReader(left, buffer, signal, (rest) => {
        readers.delete(reader);
        if (kept || readers.size) return;
        left = rest;
        close();
      });
      left = [];
      readers.add(reader);
      open();
      return reader.iterator;
    },

    /** @param {Message} message */
    push(message) {
      for (const reader of readers) reader.push(message);
    },

    /**
     * The subscription has ended, or is going to.
     *
     * @param {Error} [error] which all loops throw
     * @returns {boolean} whether there were any
     */
    end(error) {
      const some = readers.size > 0;
      for (const reader of readers) reader.end(error);
      readers.clear();
      kept = false;
      return some;
    },
  };
}
