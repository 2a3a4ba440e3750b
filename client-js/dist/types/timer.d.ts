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
export function newTimer(clock: Clock): Timer;
/**
 * One thing that is to happen later.
 */
export type Timer = {
    /**
     * when it fires, by the clock; 0 while nothing is set
     */
    due: number;
    /**
     * in the place of what was set before
     */
    set: (ms: number, f: () => void) => Timer;
    clear: () => void;
};
import type { Clock } from "./types.js";
