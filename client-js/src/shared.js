import { idMaker } from "./ids.js";
import { TOKEN_ANSWER } from "./limits.js";
import { joinTabs } from "./sharedtab.js";
import { newTimer } from "./timer.js";

/** @import { Owner as ChannelOwner } from "./channel.js" */
/** @import { ChannelOptions, ConnectOptions, Env, Frame, StateName, TransportName } from "./types.js" */

// One connection for all tabs of a browser.
//
// Who shares. Tabs of one origin that connect to one gateway as one identity:
// with the same `clientID`, if they name one, and with tokens that say the
// same, their times aside. All of that is in the name of a room. A tab that
// names another client id or has another user's token is in another room. To
// the gateway and to everybody else, the tabs of a room are one client: the
// client id is that of the first one to connect, and goes on to the next
// leader. One tab is to another one not "oneself", though: a message that a
// tab sends comes to the other tabs as any message does, and to itself only
// with `echo`. So subscriptions are made with `echo`, and each tab leaves out
// the messages whose ids it made.
//
// Who leads. Each tab waits for a Web Lock that the room has one of. Who holds
// it leads: it has the real connection, and relays over a BroadcastChannel.
// The other side of that, sharedtab.js, is the same in all tabs, the leader's
// own included, and takes the place of a connection in the client: a leader's
// link is to it what a WebSocket is to a client without sharing. When that
// link is another one (there is a new leader, the leader has reconnected, or
// some of its words were missed), the client does what it does on any new
// link: it subscribes from its cursors, and sends once more, with the same
// ids, what was not acknowledged. That is why nothing is lost or doubled, and
// why a leader keeps nothing that its successor would need.
//
// Where a tab begins. The leader subscribes to a channel once. A tab that
// wants to begin elsewhere than where that subscription is (an older `since`,
// or `history`) is given what it misses by the leader, which fetches it by
// long-poll exchanges beside its connection until they meet the live messages
// at one cursor (sharedcatchup.js).
//
// How it ends. A lock goes with its tab, however that ends, so a leader that
// is gone is followed at once. A tab that is about to be frozen, or goes into
// the back-forward cache, leaves the room. There is one more way to fail: a
// leader that holds its lock and says nothing, since its page hangs. Words of
// the leader are signs of life; in silence the tabs ask for one, twice, and
// then take the lock away. The leader that it was taken from, once it runs
// again, does not come back into the room but goes on with a connection of its
// own, and so does whoever can't be served by sharing: an own connection is
// always right. No page can take the lock back and forth.
//
// Browsers without Web Locks or BroadcastChannel, and pages that are not
// secure contexts, have connections of their own.
//
// Tabs may run different versions of this script. What goes over the
// BroadcastChannel is therefore versioned by the room's name, and its fields
// have none of the names that the build shortens.

const VERSION = 1;

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
export function sharing(options, stay) {
  const world = options.window ?? globalThis;
  const locks = world.navigator?.locks;
  if (!locks || !world.BroadcastChannel) return;
  /** @type {Set<string>} what the ids of the tab's messages begin with */
  const stems = new Set();
  /** @type {Map<string, boolean|undefined>} by channel: its own messages, too */
  const echoes = new Map();
  /** @type {(() => string)|undefined} */
  let newID;

  /** @type {Room} */
  const room = {
    async name(env, url) {
      const who = claims(await token(env, options));
      return JSON.stringify(["commchannel", VERSION, url, options.clientID ?? "", who]);
    },
    locks,

    tune(name, hear) {
      const channel = new world.BroadcastChannel(name);
      channel.onmessage = (/** @type {MessageEvent} */ { data }) => hear(data);
      return { post: (word) => channel.postMessage(word), close: () => channel.close() };
    },

    document: world.document,
    own: ({ id, channel = "" }) => !echoes.get(channel) && stems.has(stem(id)),
  };

  return {
    /** @type {Stay} */
    stay: (env, url, owner, kinds) => joinTabs(env, url, owner, kinds, room, stay),

    /**
     * What to make a channel of in the place of these: all that it is sent
     * passes it, and what it sends is noted.
     *
     * @param {string} name
     * @param {ChannelOptions} options
     * @param {ChannelOwner} owner
     * @returns {[string, ChannelOptions, ChannelOwner]}
     */
    channel(name, options, owner) {
      const { send } = owner;
      newID ??= idMaker("s", owner.env.random);
      const nextID = newID;
      echoes.set(name, options.echo);
      const noted = (/** @type {Partial<Frame>} */ frame) => {
        const id = frame.id ?? nextID();
        stems.add(stem(id));
        return send({ ...frame, id });
      };
      return [name, { ...options, echo: true }, { ...owner, send: noted }];
    },
  };
}

/** What all ids of one idMaker have in common. */
const stem = (id = "") => id.slice(0, id.lastIndexOf("-") + 1);

/**
 * The token that tells whom the tab belongs to. One that is fetched for that
 * is used for the connection, too.
 *
 * @param {Env} env
 * @param {ConnectOptions} options
 * @returns {Promise<string>}
 */
async function token(env, options) {
  const { getToken } = options;
  if (options.token !== undefined || !getToken) return options.token ?? "";
  const abort = new AbortController();
  const late = newTimer(env);
  try {
    const fetched = await Promise.race([
      getToken({ signal: abort.signal }),
      new Promise((_, reject) => late.set(TOKEN_ANSWER, () => reject(abort.abort()))),
    ]);
    options.token ??= String(fetched ?? "");
    return options.token;
  } finally {
    late.clear();
  }
}

/**
 * What a token says, without what differs each time one is made. Nothing is
 * verified here: that is for the gateway, with the token of whoever leads.
 *
 * @param {string} token
 */
function claims(token) {
  try {
    const text = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const { exp, iat, nbf, jti, ...rest } = JSON.parse(text);
    return JSON.stringify(rest);
  } catch {
    return token; // not of a form that is known here
  }
}
