/**
 * Makes a connection.
 *
 * @typedef {typeof import("./connection.js").stayConnected} Stay
 */
/**
 * What a tab says to the leader. Its fields:
 *
 * - `join`: asks for a `state`. Also a way to ask whether the leader is alive
 * - `relay`: `body` is a frame for the gateway, said while `link` was the tab's link
 * - `page`: `event` happened to the tab's page
 *
 * @typedef {object} TabWord
 * @property {"join"|"relay"|"page"} op
 * @property {string} tab who says it
 * @property {string} [link]
 * @property {any} [body]
 * @property {any} [event]
 */
/**
 * What the leader says to the tabs, or to the one in `to`. Everybody hears
 * everything, and so notices by `n` what it has missed.
 *
 * - `state`: the connection's; with a `welcome` while there is a link
 * - `relay`: `body` is a frame from the gateway. With `sub` it is about the
 *   tab's subscription of that ref; after `live`, what is said to all is for
 *   that subscription, too
 * - `alone`: the tab can't be served, and is to connect by itself
 *
 * @typedef {object} LeaderWord
 * @property {"state"|"relay"|"alone"} op
 * @property {number} term   greater than all leaders' before
 * @property {number} n      counts the leader's words, from 1
 * @property {string} link   names the link to the gateway; "" before the first one
 * @property {string} [to]
 * @property {StateName} [state]
 * @property {TransportName|null} [transport]
 * @property {Frame} [welcome]
 * @property {Frame} [body]
 * @property {number} [sub]
 * @property {boolean} [live]
 */
/**
 * What tabs share, as one of them sees it.
 *
 * @typedef {object} Room
 * @property {(env: Env, url: string) => Promise<string>} name
 * @property {LockManager} locks
 * @property {(name: string, hear: (word: any) => void) => Radio} tune
 * @property {EventTarget|undefined} document
 * @property {(frame: Frame) => boolean} own whether a message is the tab's own, and not wanted by it
 *
 * @typedef {object} Radio
 * @property {(word: object) => void} post to all but oneself
 * @property {() => void} close
 */
/**
 * Makes the parts of a client that shares its connection.
 *
 * @param {ConnectOptions} options whose `token` is kept up to date
 * @param {Stay} stay makes a connection of one's own
 * @returns how to stay connected, and what to make a channel of; nothing where the browser can't share
 */
export function sharing(options: ConnectOptions, stay: Stay): {
    /** @type {Stay} */
    stay: Stay;
    /**
     * What to make a channel of in the place of these: all that it is sent
     * passes it, and what it sends is noted.
     *
     * @param {string} name
     * @param {ChannelOptions} options
     * @param {ChannelOwner} owner
     * @returns {[string, ChannelOptions, ChannelOwner]}
     */
    channel(name: string, options: ChannelOptions, owner: ChannelOwner): [string, ChannelOptions, ChannelOwner];
} | undefined;
/**
 * Makes a connection.
 */
export type Stay = typeof import("./connection.js").stayConnected;
/**
 * What a tab says to the leader. Its fields:
 *
 * - `join`: asks for a `state`. Also a way to ask whether the leader is alive
 * - `relay`: `body` is a frame for the gateway, said while `link` was the tab's link
 * - `page`: `event` happened to the tab's page
 */
export type TabWord = {
    op: "join" | "relay" | "page";
    /**
     * who says it
     */
    tab: string;
    link?: string | undefined;
    body?: any;
    event?: any;
};
/**
 * What the leader says to the tabs, or to the one in `to`. Everybody hears
 * everything, and so notices by `n` what it has missed.
 *
 * - `state`: the connection's; with a `welcome` while there is a link
 * - `relay`: `body` is a frame from the gateway. With `sub` it is about the
 *   tab's subscription of that ref; after `live`, what is said to all is for
 *   that subscription, too
 * - `alone`: the tab can't be served, and is to connect by itself
 */
export type LeaderWord = {
    op: "state" | "relay" | "alone";
    /**
     * greater than all leaders' before
     */
    term: number;
    /**
     * counts the leader's words, from 1
     */
    n: number;
    /**
     * names the link to the gateway; "" before the first one
     */
    link: string;
    to?: string | undefined;
    state?: StateName | undefined;
    transport?: TransportName | null | undefined;
    welcome?: Frame | undefined;
    body?: Frame | undefined;
    sub?: number | undefined;
    live?: boolean | undefined;
};
/**
 * What tabs share, as one of them sees it.
 */
export type Room = {
    name: (env: Env, url: string) => Promise<string>;
    locks: LockManager;
    tune: (name: string, hear: (word: any) => void) => Radio;
    document: EventTarget | undefined;
    /**
     * whether a message is the tab's own, and not wanted by it
     */
    own: (frame: Frame) => boolean;
};
/**
 * What tabs share, as one of them sees it.
 */
export type Radio = {
    /**
     * to all but oneself
     */
    post: (word: object) => void;
    close: () => void;
};
import type { ConnectOptions } from "./types.js";
import type { ChannelOptions } from "./types.js";
import type { Owner as ChannelOwner } from "./channel.js";
import type { StateName } from "./types.js";
import type { TransportName } from "./types.js";
import type { Frame } from "./types.js";
import type { Env } from "./types.js";
