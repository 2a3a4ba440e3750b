/** @import { Channel, ChannelEvents, ChannelOptions, Frame, Handler, Message, Receipt, Reply } from "./types.js" */
/**
 * A channel with what only its client sees of it.
 *
 * @typedef {object} Inner
 * @property {boolean} wanted  a subscription is wanted
 * @property {boolean} resting it was refused, and is asked for again after a while
 * @property {number} ref      the last subscription's number
 * @property {<Name extends keyof ChannelEvents>(name: Name, event: ChannelEvents[Name]) => boolean} emit
 * @property {() => Frame} frame what subscribes to it as of now
 * @property {(frame: Frame) => boolean} take a frame about it; tells whether messages may be missing before it
 */
/**
 * What a channel asks of its client.
 *
 * @typedef {object} Owner
 * @property {() => string} clientID
 * @property {() => void} subscribe after `wanted` has changed
 * @property {(frame: Partial<Frame>) => Promise<Receipt>} send
 */
/**
 * @param {string} name
 * @param {ChannelOptions} options
 * @param {Owner} owner
 * @returns {Channel & Inner}
 */
export function newChannel(name: string, { since, history, echo }: ChannelOptions, owner: Owner): Channel & Inner;
/**
 * A channel with what only its client sees of it.
 */
export type Inner = {
    /**
     * a subscription is wanted
     */
    wanted: boolean;
    /**
     * it was refused, and is asked for again after a while
     */
    resting: boolean;
    /**
     * the last subscription's number
     */
    ref: number;
    emit: <Name extends keyof ChannelEvents>(name: Name, event: ChannelEvents[Name]) => boolean;
    /**
     * what subscribes to it as of now
     */
    frame: () => Frame;
    /**
     * a frame about it; tells whether messages may be missing before it
     */
    take: (frame: Frame) => boolean;
};
/**
 * What a channel asks of its client.
 */
export type Owner = {
    clientID: () => string;
    /**
     * after `wanted` has changed
     */
    subscribe: () => void;
    send: (frame: Partial<Frame>) => Promise<Receipt>;
};
import type { ChannelOptions } from "./types.js";
import type { Channel } from "./types.js";
import type { ChannelEvents } from "./types.js";
import type { Frame } from "./types.js";
import type { Receipt } from "./types.js";
