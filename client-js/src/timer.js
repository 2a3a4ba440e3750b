/** @import { Clock } from "./types.js" */

/**
 * One thing that is to happen later.
 *
 * @typedef {object} Timer
 * @property {number} due when it fires, by the clock; 0 while nothing is set
 * @property {(ms: number, f: () => void) => Timer} set in the place of what was set before
 * @property {() => void} clear
 */

/**
 * @param {Clock} clock
 * @returns {Timer}
 */
export function newTimer(clock) {
  /** @type {any} */
  let id;
  const timer = {
    due: 0,

    set(/** @type {number} */ ms, /** @type {() => void} */ f) {
      timer.clear();
      timer.due = clock.now() + ms;
      id = clock.setTimeout(() => {
        timer.due = 0;
        f();
      }, ms);
      return timer;
    },

    clear() {
      clock.clearTimeout(id);
      timer.due = 0;
    },
  };
  return timer;
}
