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
export function newOutbox(clock: Clock, limit?: number, timeout?: number): {
    /**
     * @param {Frame} frame with a ref
     * @returns {Promise<Frame>}
     */
    add: (frame: Frame) => Promise<Frame>;
    /**
     * Gives out, in order, what is to be sent on a link.
     *
     * @param {(frame: Frame) => void} send
     * @param {number} [breaks] the link is new: what went over another one goes
     *   again, after one break at the most. 1 if the last link broke, 0 if this one took over from it
     */
    flush(send: (frame: Frame) => void, breaks?: number): void;
    /** All frames that are not answered. */
    frames: () => Frame[];
    /**
     * @param {Frame} frame
     * @returns {boolean} whether it was an answer, be it one that came too late
     */
    settle(frame: Frame): boolean;
    /** @param {string} code that everything is rejected with */
    clear(code: string): void;
};
/**
 * A request that is not answered yet.
 */
export type Entry = {
    frame: Frame;
    /**
     * how many links it went over, but for those that another one took over from
     */
    tries: number;
    /**
     * which gives it up
     */
    timer: Timer;
    accept: (answer: Frame) => void;
    refuse: (error: ChannelError) => void;
};
import type { Clock } from "./types.js";
import type { Frame } from "./types.js";
import type { Timer } from "./timer.js";
import { ChannelError } from "./errors.js";
