import { guard, newEmitter } from "./events.js";
import { REMEMBERED } from "./limits.js";

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
export function newChannel(name, { since = "", history, echo }, owner) {
  /** @type {{type: string, handler: Handler}[]} */
  let handlers = [];
  /** @type {Set<string>} cursors of messages */
  const seen = new Set();

  /** @type {CoreChannel & Inner} */
  const channel = {
    .../** @type {typeof newEmitter<ChannelEvents>} */ (newEmitter)(),
    name,
    cursor: since,
    wanted: false,
    resting: false,
    ref: 0,

    register(type, handler) {
      handlers = [...handlers, { type, handler }];
      channel.open();
      return channel;
    },

    unregister(type, handler) {
      handlers = handlers.filter((h) => h.type !== type || (handler && h.handler !== handler));
      return channel;
    },

    send: (type, payload) => owner.send({ channel: name, type, payload }),

    open() {
      if (!channel.wanted) want(true);
    },

    close() {
      if (channel.wanted) want(false);
    },

    frame() {
      const { cursor, ref } = channel;
      const from = cursor ? { since: cursor } : { history };
      return { op: "subscribe", ref, channel: name, echo, ...from };
    },

    take(frame) {
      const { op, cursor = channel.cursor } = frame;
      channel.cursor = cursor;
      const message = /** @type {Message & Frame} */ (frame);
      if (op === "message" && isNew(message)) channel.deliver(message);
      const gap = op === "gap" || frame.recovered === false;
      if (gap) channel.emit("gap", { channel: name, cursor });
      return gap;
    },

    deliver(message) {
      /** @type {Reply} */
      const reply = (type, payload) => owner.send({ channel: name, type, payload, reply_to: message.id });
      for (const { type, handler } of handlers) {
        if (type === message.type || type === "*") guard(() => handler(message, reply));
      }
    },
  };

  /** @param {boolean} wanted */
  function want(wanted) {
    channel.wanted = wanted;
    owner.subscribe(channel);
  }

  /** @param {Message} message */
  function isNew({ cursor, from }) {
    // On a change of links, or after a gap, a message may come again.
    if (seen.has(cursor)) return false;
    seen.add(cursor);
    if (seen.size > REMEMBERED) seen.delete([...seen][0]);
    return echo || from !== owner.client.clientID;
  }
  return channel;
}
