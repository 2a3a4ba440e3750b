/**
 * What a connection asks of the client that owns it, and tells it.
 *
 * @typedef {object} Owner
 * @property {() => Frame} hello           the first frame on every link
 * @property {() => Frame[]} subscriptions what a long-poll asks for
 * @property {(welcome: Frame) => void} onlink a new link is trusted; what was under way on the last one is not any more
 * @property {(frame: Frame) => void} onframe
 * @property {() => void} onleave          the page goes away
 * @property {(state: StateName, transport: TransportName|null) => void} onstate
 * @property {(code: number) => void} onend the gateway does not want this client back
 */
/**
 * The state machine that keeps a client connected. It has at most one active
 * link, which has had its welcome and carries everything, and beside it one of
 * each kind that is being tried.
 *
 *     attempt -> try WebSocket; where it is blocked, long-poll
 *     WebSocket fails before its welcome -> try long-poll at once
 *     welcome -> that link is active; a long-poll it replaces is ended
 *     long-poll active -> try WebSocket beside it, now and then
 *     nothing active, nothing being tried -> wait, then attempt
 *
 * There is one timer for the next attempt, one for the silence of the active
 * link, and one for the welcome of the WebSocket being tried.
 *
 * @param {Env} env
 * @param {string} url absolute, http or https
 * @param {Owner} owner
 * @param {TransportName[]} kinds
 */
export function stayConnected(env: Env, url: string, owner: Owner, kinds: TransportName[]): {
    /** @param {Frame} frame goes over the active link, if there is one */
    send(frame: Frame): void;
    close: () => void;
};
/**
 * What a connection asks of the client that owns it, and tells it.
 */
export type Owner = {
    /**
     * the first frame on every link
     */
    hello: () => Frame;
    /**
     * what a long-poll asks for
     */
    subscriptions: () => Frame[];
    /**
     * a new link is trusted; what was under way on the last one is not any more
     */
    onlink: (welcome: Frame) => void;
    onframe: (frame: Frame) => void;
    /**
     * the page goes away
     */
    onleave: () => void;
    onstate: (state: StateName, transport: TransportName | null) => void;
    /**
     * the gateway does not want this client back
     */
    onend: (code: number) => void;
};
import type { Env } from "./types.js";
import type { TransportName } from "./types.js";
import type { Frame } from "./types.js";
import type { StateName } from "./types.js";
