import { newClient } from "./client.js";
import { guard } from "./events.js";

/** @import { ConnectOptions, CoreChannel, CoreClient, Message, Reply } from "./types.js" */

/** What pages that give no URL have always used. */
const DEFAULT_URL = "channel.php";

/**
 * Pages of the seed look at no promise: what fails is at least written down.
 *
 * @template T
 * @param {Promise<T>} promise
 */
function logged(promise) {
  promise.catch(console.error);
  return promise;
}

/** @type {Map<string, CoreClient>} by URL and client id: all channels of a page share one connection */
const clients = new Map();

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
  static defaults = {};

  /**
   * What connects: with all of ConnectOptions in the ES module, and with all
   * but `getToken` and `shared` in the classic script.
   *
   * @type {(url: string, options: ConnectOptions) => CoreClient}
   */
  static connect = newClient;

  /**
   * The callbacks by message type. One each: registering replaces.
   *
   * @type {Record<string, (m: any, reply: Reply) => void>}
   */
  handlers = {};

  /**
   * Called with every message, before its handler. A page may put its own here.
   *
   * @param {Message} _
   */
  onmessage = (_) => {};

  /**
   * @param {string} channelID
   * @param {string|number} [clientID] made up if it is missing
   * @param {string} [url]
   * @param {Options} [options]
   */
  constructor(channelID, clientID, url = DEFAULT_URL, options = channelClient.defaults) {
    const name = String(channelID);
    const key = url + " " + clientID;
    /** @type {CoreChannel|null} what dispatch is registered on */
    let listening = null;

    /** @type {import("./types.js").Handler} */
    const dispatch = (m, reply) => {
      guard(() => this.onmessage(m));
      const handler = Object.hasOwn(this.handlers, m.type) && this.handlers[m.type];
      if (handler) handler(options.payloadOnly ? m.payload : m, (...what) => logged(reply(...what)));
    };
    const client = () => {
      let shared = clients.get(key);
      if (!shared || shared.state === "closed") {
        shared = channelClient.connect(url, { ...options, clientID: clientID?.toString() });
        clients.set(key, shared);
      }
      return shared;
    };

    this.getChannelID = () => channelID;

    /**
     * Asks the gateway for this page's public address.
     *
     * @param {(ip: string) => void} callback
     */
    this.getIP = (callback) => {
      logged((options.fetch ?? fetch)(url + "?getIP=1").then((response) => response.text()).then(callback));
    };

    /**
     * Begins to listen; new has done so already.
     *
     * @param {number} [_delay] was the time between two polls; there are none now
     */
    this.startPolling = (_delay) => {
      const channel = client().channel(name);
      if (listening !== channel) (listening = channel).register("*", dispatch);
    };

    /** Ends listening. Sending still works, and startPolling goes on where it ended. */
    this.stopPolling = () => {
      listening?.unregister("*", dispatch);
      listening?.close();
      listening = null;
    };

    /**
     * Listens, and calls back when the gateway has been heard of.
     *
     * @param {() => void} [callback]
     */
    this.poll = (callback = () => {}) => {
      this.startPolling();
      const done = () => callback();
      client().ping().then(done, done);
    };

    /**
     * @param {string} type
     * @param {(m: any, reply: Reply) => void} callback
     */
    this.register = (type, callback) => void (this.handlers[type] = callback);

    /**
     * @param {string} type
     * @param {any} [payload]
     */
    this.send = (type, payload) => logged(client().channel(name).send(type, payload));

    this.startPolling();
  }
}
