/** @import { ChannelEvents, ChannelOptions, ClientEvents, CoreChannel, CoreClient, Env, Frame, Handler, Message, Receipt, Reply } from "./types.js" */
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
 * @property {(message: Message) => void} deliver hands on a message that is new and not one's own
 */
/**
 * What a channel asks of its client.
 *
 * @typedef {object} Owner
 * @property {CoreClient} client
 * @property {Env} env
 * @property {<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]) => boolean} emit of the client
 * @property {(channel: CoreChannel & Inner) => void} subscribe after `wanted` has changed
 * @property {() => number} newRef
 * @property {(frame: Frame) => Promise<Frame>} ask with a ref; gives the answer
 * @property {(frame: Partial<Frame>) => Promise<Receipt>} send has a ref and an id made, unless they are there
 * @property {(answer: Frame) => boolean} settle ends a request as its answer would
 */
/**
 * @param {string} name
 * @param {ChannelOptions} options
 * @param {Owner} owner
 * @returns {CoreChannel & Inner}
 */
export function newChannel(name: string, { since, history, echo }: ChannelOptions, owner: Owner): CoreChannel & Inner;
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
    /**
     * hands on a message that is new and not one's own
     */
    deliver: (message: Message) => void;
};
/**
 * What a channel asks of its client.
 */
export type Owner = {
    client: CoreClient;
    env: Env;
    /**
     * of the client
     */
    emit: <Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]) => boolean;
    /**
     * after `wanted` has changed
     */
    subscribe: (channel: CoreChannel & Inner) => void;
    newRef: () => number;
    /**
     * with a ref; gives the answer
     */
    ask: (frame: Frame) => Promise<Frame>;
    /**
     * has a ref and an id made, unless they are there
     */
    send: (frame: Partial<Frame>) => Promise<Receipt>;
    /**
     * ends a request as its answer would
     */
    settle: (answer: Frame) => boolean;
};
import type { ChannelOptions } from "./types.js";
import type { CoreChannel } from "./types.js";
import type { ChannelEvents } from "./types.js";
import type { Frame } from "./types.js";
import type { Message } from "./types.js";
import type { CoreClient } from "./types.js";
import type { Env } from "./types.js";
import type { ClientEvents } from "./types.js";
import type { Receipt } from "./types.js";
