import { newChannel } from "./channel.js";
import { ChannelError } from "./errors.js";
import { REQUEST_ANSWER } from "./limits.js";
import { newLoops } from "./loops.js";
import { newRequests } from "./requests.js";

/** @import { Inner, Owner } from "./channel.js" */
/** @import { Channel, ChannelOptions, Frame, Presence } from "./types.js" */

/**
 * @typedef {object} End
 * @property {(error?: ChannelError) => void} end the client was closed; by the gateway, if there is an error
 */

/**
 * @param {Frame} frame
 * @returns {Presence}
 */
const presence = ({ clients = [], count = clients.length }) => ({ clients, count });

/**
 * A channel with what the ES module has beyond the classic script: requests,
 * presence, and loops over messages.
 *
 * @param {string} name
 * @param {ChannelOptions} options
 * @param {Owner} owner
 * @returns {Channel & Inner & End}
 */
export function newFullChannel(name, options, owner) {
  const channel = newChannel(name, options, owner);
  const { open, close, take, deliver, emit } = channel;
  const requests = newRequests(owner);
  const loops = newLoops(open, close);

  /** @type {Owner["emit"]} */
  function tell(event, what) {
    emit(/** @type {any} */ (event), what);
    return owner.emit(event, what);
  }

  /** @param {AbortSignal} [signal] */
  function check(signal) {
    signal?.throwIfAborted();
    if (owner.client.state === "closed") throw new ChannelError("closed");
  }

  /**
   * @param {ChannelError} [error] if it is not the application that ends it
   * @returns {boolean} whether anybody was told the error
   */
  function end(error) {
    const looping = loops.end(error);
    return requests.clear(error ?? new ChannelError("closed")) || looping;
  }

  const methods = {
    open() {
      loops.keep();
      open();
    },

    close() {
      end();
      close();
    },

    /** @type {Channel["request"]} */
    async request(type, payload, { timeout = REQUEST_ANSWER, signal } = {}) {
      check(signal);
      methods.open();
      const answer = requests.add({ channel: name, type, payload }, timeout, signal);
      // From a cursor on, everything comes: no answer can be missed.
      if (channel.cursor) requests.start();
      return answer;
    },

    /** @type {Channel["reply"]} */
    reply: ({ id }, type, payload) => owner.send({ channel: name, type, payload, reply_to: id }),

    /** @type {Channel["presence"]} */
    async presence() {
      const frame = { op: "presence", ref: owner.newRef(), channel: name };
      return presence(await owner.ask(frame));
    },

    /** @type {Channel["messages"]} */
    messages(options = {}) {
      check(options.signal);
      return loops.begin(options);
    },

    [Symbol.asyncIterator]: () => methods.messages(),
  };

  /** @type {Partial<Inner> & End} */
  const inner = {
    take(frame) {
      const { op, clientid: clientID = "" } = frame;
      const gap = take(frame);
      if (op === "join" || op === "leave") tell(op, { channel: name, clientID });
      if (op === "presence") tell(op, { channel: name, ...presence(frame) });
      if (channel.cursor) requests.start();
      return gap;
    },

    deliver(message) {
      requests.take(message);
      loops.push(message);
      deliver(message);
    },

    emit(event, what) {
      const refused = event === "error" && !channel.wanted;
      const told = refused && end(/** @type {ChannelError} */ (what));
      return emit(event, what) || told;
    },

    end,
  };
  return /** @type {any} */ (Object.assign(channel, methods, inner));
}
