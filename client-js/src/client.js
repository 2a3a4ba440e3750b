import { backoff } from "./backoff.js";
import { newChannel } from "./channel.js";
import { stayConnected } from "./connection.js";
import { environment } from "./env.js";
import { ChannelError, ending } from "./errors.js";
import { newEmitter } from "./events.js";
import { idMaker } from "./ids.js";
import { KEEPALIVE_ROOM } from "./limits.js";
import { exchange } from "./longpoll.js";
import { newOutbox } from "./outbox.js";

/** @import { Inner, Owner } from "./channel.js" */
/** @import { ClientEvents, CoreChannel, CoreClient, CoreOptions, Frame, Receipt } from "./types.js" */

const PASSING = ["unavailable", "rate_limited", "internal"]; // errors that may be gone later

/**
 * A copy of value as JSON has it, and without halves of surrogate pairs, such
 * as a text that was cut within an emoji has: they are no Unicode, and the
 * gateway would take the frame for broken.
 *
 * @template Value
 * @param {Value} value
 * @returns {Value}
 */
const copy = (value) => JSON.parse(JSON.stringify(value, (_, part) => part?.toWellFormed?.() ?? part));

/** @param {any} value */
const byteLength = (value) => new TextEncoder().encode(JSON.stringify(value)).length;

/**
 * Connects to a gateway. It stays connected by itself until close().
 *
 * This is what the classic script needs. The ES module builds on it with
 * another way to stay connected, and channels that do more.
 *
 * @param {string} url of the gateway, relative to the page
 * @param {CoreOptions} [options] `token` is looked at for each hello
 * @param {typeof stayConnected} [stay]
 * @param {typeof newChannel} [makeChannel]
 * @returns {CoreClient}
 */
export function newClient(url, options = {}, stay = stayConnected, makeChannel = newChannel) {
  const env = environment(options);
  const address = new URL(url, env.base).href;
  const newID = idMaker("j", env.random);
  const outbox = newOutbox(env, options.queue, options.sendTimeout);
  /** @type {Map<string, CoreChannel & Inner>} by name */
  const channels = new Map();
  let lastRef = 0;
  let maxMessage = Infinity; // bytes of a payload, once the gateway has told

  const { on, emit } = /** @type {typeof newEmitter<ClientEvents>} */ (newEmitter)();
  const newRef = () => ++lastRef;
  /** @type {CoreClient} */
  const client = {
    on,
    clientID: options.clientID ?? idMaker("c", env.random)(),
    state: "connecting",
    transport: null,

    channel(name, options = {}) {
      const channel = channels.get(name) ?? makeChannel(name, options, owner);
      channels.set(name, channel);
      return channel;
    },

    async ping() {
      const began = env.now();
      await ask({ op: "ping", ref: newRef() });
      return env.now() - began;
    },

    close() {
      connection.close();
      outbox.clear("closed");
    },
  };

  /** @type {Owner} */
  const owner = { client, env, emit, subscribe, newRef, ask, send, settle: outbox.settle };
  const hello = () => ({ op: "hello", clientid: client.clientID, token: options.token });
  const subscribed = () => [...channels.values()].filter((channel) => channel.wanted && !channel.resting);
  /** @param {number} [breaks] */
  const flush = (breaks) => outbox.flush(connection.send, breaks);

  const connection = stay(
    env,
    address,
    {
      hello,
      subscriptions: () => subscribed().map((channel) => channel.frame()),

      onlink(welcome) {
        client.clientID = welcome.clientid ?? client.clientID; // a token's subject goes before one's own choice
        maxMessage = welcome.max_message ?? maxMessage;
        // Subscriptions go first, so that no answer to a send is missed.
        subscribed().forEach(subscribe);
        flush(+!client.transport);
      },

      onframe,
      onleave: () => postOnTheWayOut(outbox.frames()),

      onstate(state, transport) {
        if (state === client.state && transport === client.transport) return;
        Object.assign(client, { state, transport });
        emit("state", { state, transport });
      },

      onend(code) {
        outbox.clear("closed");
        report(ending(code));
      },
    },
    options.transports ?? ["websocket", "longpoll"],
  );

  /** @param {Frame} frame */
  function onframe(frame) {
    const { op, channel: name = "" } = frame;
    const channel = channels.get(name);
    if (outbox.settle(frame)) return;
    if (op === "error") onerror(frame);
    else if (channel?.wanted && channel.take(frame)) emit("gap", { channel: name, cursor: channel.cursor });
  }

  /** @param {Frame} frame */
  function onerror(frame) {
    const error = new ChannelError(frame.code ?? "", frame.message);
    const channel = [...channels.values()].find(({ ref }) => ref === frame.ref);
    if (channel) {
      channel.wanted = channel.resting = PASSING.includes(error.code);
      if (channel.resting) env.setTimeout(() => again(channel), backoff(env.random, 3));
    }
    report(error, channel?.emit("error", error));
  }

  /** @param {Inner} channel which was refused for a while */
  function again(channel) {
    channel.resting = false;
    if (channel.wanted) subscribe(channel);
  }

  /** @param {Inner} channel is subscribed to, or not any more */
  function subscribe(channel) {
    channel.ref = newRef();
    const frame = channel.frame();
    connection.send(channel.wanted ? frame : { op: "unsubscribe", channel: frame.channel });
  }

  /**
   * @param {ChannelError} error
   * @param {boolean} [known] to somebody already
   */
  function report(error, known) {
    if (!emit("error", error) && !known) console.error(error);
  }

  /**
   * @param {Frame} frame
   * @returns {Promise<Frame>} its answer
   */
  async function ask(frame) {
    if (client.state === "closed") throw new ChannelError("closed");
    const answer = outbox.add(frame);
    if (client.transport) flush();
    else if (client.state === "paused") postOnTheWayOut([frame]);
    return answer;
  }

  /**
   * @param {Partial<Frame>} frame its channel, type, payload and reply_to; ref and id, if the caller needs to know them
   * @returns {Promise<Receipt>}
   */
  async function send({ payload = null, ...rest }) {
    if (byteLength(payload) > maxMessage) throw new ChannelError("too_large");
    // A copy: what the caller does to its payload later is not sent.
    const frame = copy({ op: "send", ref: newRef(), id: newID(), payload, ...rest });
    const { id = "", cursor = "" } = await ask(frame);
    return { id, cursor };
  }

  /**
   * Posts what a page that goes away has not got acknowledged: such an
   * exchange outlives its page. If the page does come back, the same is sent
   * again, and told apart by its ids.
   *
   * @param {Frame[]} frames
   */
  function postOnTheWayOut(frames) {
    let room = KEEPALIVE_ROOM;
    const some = frames.filter((frame) => (room -= byteLength(frame)) > 0);
    if (!some.length) return;
    exchange(env, address, [hello(), ...some], { keepalive: true }).then(
      (answer) => answer.forEach(outbox.settle),
      () => {},
    );
  }

  return client;
}
