/** @import { Reader } from "./reader.js" */
/** @import { Message, MessagesOptions } from "./types.js" */
/**
 * The loops over one channel's messages. The subscription ends with the last
 * of them, unless something else wants it kept.
 *
 * @param {() => void} open subscribes, if it isn't already
 * @param {() => void} close
 */
export function newLoops(open: () => void, close: () => void): {
    /** The subscription is to outlive the loops. */
    keep(): void;
    /** @param {MessagesOptions} options with a signal that is not aborted yet */
    begin({ signal, buffer }: MessagesOptions): AsyncIterableIterator<Message>;
    /** @param {Message} message */
    push(message: Message): void;
    /**
     * The subscription has ended, or is going to.
     *
     * @param {Error} [error] which all loops throw
     * @returns {boolean} whether there were any
     */
    end(error?: Error): boolean;
};
import type { MessagesOptions } from "./types.js";
import type { Message } from "./types.js";
