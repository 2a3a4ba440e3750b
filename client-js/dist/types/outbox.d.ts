/** @import { Clock, Frame } from "./types.js" */
/** @import { Timer } from "./timer.js" */
/**
 * A request that is not answered yet.
 *
 * @typedef {object} Entry
 * @property {Frame} frame
 * @property {number} tries how many links it went over
 * @property {Timer} timer which gives it up
 * @property {(answer: Frame) => void} resolve
 * @property {(error: ChannelError) => void} reject
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
     * @param {boolean} [anew] the link is new: what went over another one goes again, once
     */
    flush(send: (frame: Frame) => void, anew?: boolean): void;
    /** All frames that are not answered. */
    frames: () => Frame[];
    /**
     * @param {Frame} frame
     * @returns {boolean} whether it was an answer
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
     * how many links it went over
     */
    tries: number;
    /**
     * which gives it up
     */
    timer: Timer;
    resolve: (answer: Frame) => void;
    reject: (error: ChannelError) => void;
};
import type { Clock } from "./types.js";
import type { Frame } from "./types.js";
import type { Timer } from "./timer.js";
import { ChannelError } from "./errors.js";
