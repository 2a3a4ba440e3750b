/**
 * payloadOnly: callbacks get m.payload in the place of m, as pages written
 * against the old code expect it.
 *
 * @typedef {ConnectOptions & {payloadOnly?: boolean}} Options
 */
/**
 * The seed's client, with the seed's interface, over a connection that
 * messages are pushed through.
 *
 *     var channel = new channelClient("testchannel", clientID, "/channel");
 *     channel.register("msg", function (m) { alert(m.from + " said: " + m.payload); });
 *     channel.send("msg", "Hello there!");
 *
 * The methods are bound: they may be handed on without their object.
 */
export class channelClient {
    /**
     * Options for all that are made without their own.
     *
     * @type {Options}
     */
    static defaults: Options;
    /**
     * What connects: with all of ConnectOptions in the ES module, and with all
     * but `getToken` and `shared` in the classic script.
     *
     * @type {(url: string, options: ConnectOptions) => CoreClient}
     */
    static connect: (url: string, options: ConnectOptions) => CoreClient;
    /**
     * @param {string} channelID
     * @param {string|number} [clientID] made up if it is missing
     * @param {string} [url]
     * @param {Options} [options]
     */
    constructor(channelID: string, clientID?: string | number, url?: string, options?: Options);
    /**
     * The callbacks by message type. One each: registering replaces.
     *
     * @type {Record<string, (m: any, reply: Reply) => void>}
     */
    handlers: Record<string, (m: any, reply: Reply) => void>;
    /**
     * Called with every message, before its handler. A page may put its own here.
     *
     * @param {Message} _
     */
    onmessage: (_: Message) => void;
    getChannelID: () => string;
    /**
     * Asks the gateway for this page's public address.
     *
     * @param {(ip: string) => void} callback
     */
    getIP: (callback: (ip: string) => void) => void;
    /**
     * Begins to listen; new has done so already.
     *
     * @param {number} [_delay] was the time between two polls; there are none now
     */
    startPolling: (_delay?: number) => void;
    /** Ends listening. Sending still works, and startPolling goes on where it ended. */
    stopPolling: () => void;
    /**
     * Listens, and calls back when the gateway has been heard of.
     *
     * @param {() => void} [callback]
     */
    poll: (callback?: () => void) => void;
    /**
     * @param {string} type
     * @param {(m: any, reply: Reply) => void} callback
     */
    register: (type: string, callback: (m: any, reply: Reply) => void) => undefined;
    /**
     * @param {string} type
     * @param {any} [payload]
     */
    send: (type: string, payload?: any) => Promise<import("./types.js").Receipt>;
}
/**
 * payloadOnly: callbacks get m.payload in the place of m, as pages written
 * against the old code expect it.
 */
export type Options = ConnectOptions & {
    payloadOnly?: boolean;
};
import type { Reply } from "./types.js";
import type { Message } from "./types.js";
import type { ConnectOptions } from "./types.js";
import type { CoreClient } from "./types.js";
