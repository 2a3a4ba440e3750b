// The channels that this window is in, over one connection: what was said in
// each, and the one that is shown.

import { connect } from "./channelclient.mjs";
import { channelInURL, newChannelList, urlOf } from "./channels.js";
import { $, followEnd } from "./dom.js";
import { newLog } from "./log.js";
import { idFor, nameIn } from "./names.js";
import { newPeople } from "./people.js";

/** @import { Channel, ConnectOptions } from "./channelclient.mjs" */
/** @import { Log } from "./log.js" */

const HISTORY = 50;

/**
 * @typedef {object} Room
 * @property {string} name
 * @property {Log} log
 * @property {Channel} channel
 * @property {boolean} live  its history is here: what comes now is new
 * @property {string} draft what was written and not sent
 *
 * @typedef {object} Around what the rooms are surrounded by
 * @property {ConnectOptions} options of the connection
 * @property {(text: string) => void} announce
 * @property {() => void} onstate the connection's state has changed, or it is another connection
 * @property {(names: string[]) => void} onlist the list of channels has changed
 */

/**
 * @param {string} visitor
 * @param {Around} around
 */
export function newRooms(visitor, { options, announce, onstate, onlist }) {
  /** @type {HTMLTextAreaElement} */ const field = $("text");
  const newer = $("newer");
  const end = followEnd($("scroller"), newer);
  /** @type {Map<string, Room>} by name; those that were left, too, for who comes back */
  const rooms = new Map();
  const list = newChannelList(leave);
  const people = newPeople(() => client.clientID);
  /** @type {Set<string>} the ids that this window has had; what it said by an earlier one is on the page */
  const own = new Set();
  /** @type {Room|undefined} */
  let shown;
  let client = dial();

  function dial() {
    const clientID = idFor(visitor);
    own.add(clientID);
    const dialled = connect("channel", { ...options, clientID });
    dialled.on("state", ({ state }) => {
      onstate();
      if (state === "connected") people.ask();
    });
    dialled.on("error", (error) => tell(`The gateway says: ${error.message}`, true));
    dialled.on("gap", ({ channel }) => rooms.get(channel)?.log.notice("Some messages may be missing here."));
    return dialled;
  }

  /** @param {Room} room whose channel is subscribed to by this */
  function listen(room) {
    const { channel } = room;
    channel.register("msg", (m) => {
      if (own.has(m.from ?? "")) return;
      const text = typeof m.payload === "string" ? m.payload : JSON.stringify(m.payload, null, 1);
      take(room, nameIn(m.from), text, m.time);
    });
    channel.on("join", () => people.changed(channel));
    channel.on("leave", () => people.changed(channel));
    client.ping().then(
      () => (room.live = true),
      () => {}, // this connection has ended, and the room is on another one
    );
  }

  /**
   * @param {Room} room
   * @param {string} who
   * @param {string} text
   * @param {number} [time]
   */
  function take(room, who, text, time) {
    room.log.message({ who, text, time });
    if (room === shown) $("empty").hidden = true;
    if (!room.live) return;
    if (room === shown && !document.hidden) announce(`${who}: ${text}`);
    else if (list.more(room.name)) announce(`New in ${room.name}`);
  }

  /**
   * @param {string} text
   * @param {boolean} [bad]
   */
  function tell(text, bad) {
    shown?.log.notice(text, bad);
    announce(text);
  }

  /** @param {string} name */
  function newRoom(name) {
    /** @type {Room} */
    const room = {
      name,
      log: newLog((grow, mine) => (room === shown ? end.around(grow, mine) : grow())),
      channel: client.channel(name, { history: HISTORY }),
      live: false,
      draft: "",
    };
    listen(room);
    return room;
  }

  /**
   * Joins a channel that is not joined yet.
   *
   * @param {string} name
   */
  function join(name) {
    const before = rooms.get(name);
    if (before) before.channel.open();
    else rooms.set(name, newRoom(name));
    list.add(name);
    onlist(list.names());
  }

  /** @param {Room} room of the connection before this one */
  function moveOver(room) {
    const { name, channel } = room;
    if (!list.names().includes(name)) return rooms.delete(name);
    room.channel = client.channel(name, channel.cursor ? { since: channel.cursor } : { history: HISTORY });
    listen(room);
  }

  /** @param {string} name */
  function leave(name) {
    rooms.get(name)?.channel.close();
    const next = list.remove(name);
    onlist(list.names());
    if (name === shown?.name) go(next);
  }

  /** @param {string} name of the channel that the URL names from now on */
  function go(name) {
    history.replaceState(null, "", urlOf(name));
    show();
  }

  /** Shows the channel that the URL names. */
  function show() {
    const name = channelInURL() || list.names()[0];
    if (!list.names().includes(name)) join(name);
    if (shown) shown.draft = field.value;
    shown = /** @type {Room} */ (rooms.get(name));
    const { log, channel, draft } = shown;
    $("title").textContent = "#" + name;
    /** @type {HTMLAnchorElement} */ ($("second")).href = location.pathname + urlOf(name);
    $("log").replaceWith(log.list);
    log.list.id = "log";
    $("empty").hidden = log.list.children.length > 0;
    field.value = draft;
    field.placeholder = `Write to #${name}`;
    list.show(name);
    people.show(channel);
    end.toEnd();
  }

  /** @param {string} text */
  async function say(text, { log, channel } = /** @type {Room} */ (shown)) {
    const said = log.message({ who: nameIn(client.clientID), text, mine: true });
    $("empty").hidden = true;
    const began = performance.now();
    try {
      await channel.send("msg", text);
      said.done(performance.now() - began);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      said.lost(why, () => say(text, /** @type {Room} */ (rooms.get(channel.name))));
      announce("Not sent: " + why);
    }
  }

  return {
    client: () => client,
    join,
    go,
    show,
    say,

    /** @param {string} name of the visitor; another name is another client, and so another connection */
    rename(name) {
      visitor = name;
      client.close();
      client = dial();
      for (const room of rooms.values()) moveOver(room);
      onstate();
      show();
    },
  };
}
