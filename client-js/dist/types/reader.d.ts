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
export function newReader(kept: Message[], limit: number, signal: AbortSignal | undefined, onstop: (rest: Message[]) => void): Reader;
/**
 * A loop over messages. What comes is kept until the loop asks for it.
 */
export type Reader = {
    iterator: AsyncIterableIterator<Message>;
    push: (message: Message) => void;
    /**
     * the loop ends after what is kept; with an error, it throws it then
     */
    end: (error?: any) => void;
};
/**
 * What a loop ends with: `throws` instead of going on behind it.
 */
export type End = {
    throws?: {
        error: any;
    };
};
import type { Message } from "./types.js";
