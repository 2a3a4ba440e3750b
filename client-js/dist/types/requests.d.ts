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
export function newRequests({ env, newRef, send, settle }: Owner): {
    /**
     * @param {Partial<Frame>} frame its channel, type and payload
     * @param {number} timeout milliseconds
     * @param {AbortSignal} [signal]
     * @returns {Promise<Message>}
     */
    add: (frame: Partial<Frame>, timeout: number, signal?: AbortSignal) => Promise<Message>;
    /** Sends those that are not sent: from now on, no answer can be missed. */
    start(): void;
    /** @param {Message} message which may be an answer */
    take: (message: Message) => void | undefined;
    /**
     * @param {Error} error that all of them are rejected with
     * @returns {boolean} whether there were any
     */
    clear(error: Error): boolean;
};
/**
 * A request whose answer has not come.
 */
export type Entry = {
    frame: Partial<Frame>;
    resolve: (answer: Message) => void;
    reject: (error: any) => void;
    /**
     * ends its timer, and listening to its signal
     */
    stop: () => void;
};
import type { Owner } from "./channel.js";
import type { Message } from "./types.js";
import type { Frame } from "./types.js";
