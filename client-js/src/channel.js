import { guard, newEmitter } from "./events.js";
import { REMEMBERED } from "./limits.js";

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
export function newChannel(name, { since = "", history, echo }, owner) {
  /** @type {{type: string, handler: Handler}[]} */
  let handlers = [];
  /** @type {Set<string>} cursors of messages */
  const seen = new Set();

  /** @type {Channel & Inner} */
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
      if (op === "message") deliver(/** @type {Message & Frame} */ (frame));
      const gap = op === "gap" || frame.recovered === false;
      if (gap) channel.emit("gap", { channel: name, cursor });
      return gap;
    },
  };

  /** @param {boolean} wanted */
  function want(wanted) {
    channel.wanted = wanted;
    owner.subscribe();
  }

  /** @param {Message & Frame} message */
  function deliver(message) {
    const { cursor, from, id: reply_to } = message;
    // On a change of links, or after a gap, a message may come again.
    if (seen.has(cursor)) return;
    seen.add(cursor);
    if (seen.size > REMEMBERED) seen.delete([...seen][0]);
    if (from === owner.clientID() && !echo) return;

    /** @type {Reply} */
    const reply = (type, payload) => owner.send({ channel: name, type, payload, reply_to });
    for (const { type, handler } of handlers) {
      if (type === message.type || type === "*") guard(() => handler(message, reply));
    }
  }
  return channel;
}
