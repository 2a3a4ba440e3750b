/** @import { Owner } from "./connection.js" */
/** @import { PageEvent } from "./page.js" */
/** @import { LeaderWord, Radio, Stay, TabWord } from "./shared.js" */
/** @import { Env, Frame, TransportName } from "./types.js" */
/**
 * What leading takes.
 *
 * @typedef {object} Office
 * @property {Env} env
 * @property {string} url
 * @property {Owner["hello"]} hello
 * @property {TransportName[]} kinds
 * @property {Stay} stay
 * @property {number} term
 * @property {(hear: (word: any) => void) => Radio} tune a radio of the leader's own, so that its tab hears it as all others do
 * @property {(tab: string, gone: () => void) => void} watch calls back once the tab has left the room, or is dead
 * @property {(code: number) => void} onend the gateway does not want this client back
 */
/**
 * A channel that the leader is subscribed to, for some tabs.
 *
 * @typedef {object} Subscription
 * @property {string} channel
 * @property {number} ref
 * @property {string|undefined} since what it was begun with; without, it began at the channel's end
 * @property {number} began
 * @property {string|undefined} at    the place of what was said last; none before the gateway has answered
 * @property {Map<string, Member>} members by tab
 *
 * @typedef {object} Member
 * @property {Frame} wish the tab's `subscribe`
 * @property {ReturnType<typeof catchUp>} [catching] while it has to
 */
/**
 * Leads the tabs of a room: has their connection, and relays.
 *
 * @param {Office} office
 * @returns what ends it; nobody is told
 */
export function newLeader({ env, url, hello, kinds, stay, term, tune, watch, onend }: Office): {
    stop: () => void;
};
/**
 * What leading takes.
 */
export type Office = {
    env: Env;
    url: string;
    hello: Owner["hello"];
    kinds: TransportName[];
    stay: Stay;
    term: number;
    /**
     * a radio of the leader's own, so that its tab hears it as all others do
     */
    tune: (hear: (word: any) => void) => Radio;
    /**
     * calls back once the tab has left the room, or is dead
     */
    watch: (tab: string, gone: () => void) => void;
    /**
     * the gateway does not want this client back
     */
    onend: (code: number) => void;
};
/**
 * A channel that the leader is subscribed to, for some tabs.
 */
export type Subscription = {
    channel: string;
    ref: number;
    /**
     * what it was begun with; without, it began at the channel's end
     */
    since: string | undefined;
    began: number;
    /**
     * the place of what was said last; none before the gateway has answered
     */
    at: string | undefined;
    /**
     * by tab
     */
    members: Map<string, Member>;
};
/**
 * A channel that the leader is subscribed to, for some tabs.
 */
export type Member = {
    /**
     * the tab's `subscribe`
     */
    wish: Frame;
    /**
     * while it has to
     */
    catching?: {
        take(frame: Frame): void;
        close: () => void;
    } | undefined;
};
import type { Env } from "./types.js";
import type { Owner } from "./connection.js";
import type { TransportName } from "./types.js";
import type { Stay } from "./shared.js";
import type { Radio } from "./shared.js";
import type { Frame } from "./types.js";
