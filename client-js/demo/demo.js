// A chat on a channel of the visitor's choice. The channel is the URL's hash,
// so that a link leads to it; the name is remembered.

import { connect } from "./channelclient.mjs";
import { newChat } from "./chat.js";
import { newChart } from "./chart.js";
import { blockable, forgetful } from "./blocking.js";

/** @import { Channel, Client } from "./channelclient.mjs" */

const PING_EVERY = 2000; // milliseconds
const LOADING = 500; // so long after its start a page is too busy to measure anything
const HISTORY = 50;

/**
 * The page's element of that id.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 */
const $ = (id) => /** @type {T} */ (/** @type {unknown} */ (document.getElementById(id)));

const chat = newChat({ log: $("log"), scroller: $("scroller"), empty: $("empty"), newer: $("newer") });
const chart = newChart($("line"), $("area"));
const socket = blockable(WebSocket);
/** @type {HTMLInputElement} */ const nameField = $("name");
/** @type {HTMLInputElement} */ const channelField = $("channel");
/** @type {HTMLTextAreaElement} */ const textField = $("text");

/** @type {Client} */
let client;
/** @type {Channel} */
let channel;

// ---- who and where ----

/** A name for those who chose none. */
function anyName() {
  const pick = (/** @type {string} */ words) => words.split(" ")[Math.floor(Math.random() * words.split(" ").length)];
  return pick("Quick Quiet Bright Merry Brave Gentle Clever Sunny") + " " + pick("Otter Heron Lynx Robin Badger Finch Hare Wren");
}

function storedName() {
  try {
    return localStorage.getItem("name");
  } catch {
    return null; // no cookies, no memory
  }
}

/** @param {string} name */
function storeName(name) {
  try {
    localStorage.setItem("name", name);
  } catch {
    // As above.
  }
}

/** The channel that the URL names. */
function channelInURL() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || "lobby";
  } catch {
    return "lobby";
  }
}

/**
 * A client id that others can read a name in, and that is this window's own:
 * two windows of one person are two clients. Ids take no spaces.
 *
 * @param {string} name
 */
const idFor = (name) => name.replace(/\s/g, "\u00a0") + "~" + Math.random().toString(36).slice(2, 8);

/** @param {string} [id] */
const nameIn = (id = "somebody") => id.replace(/~[a-z0-9]*$/, "").replace(/\u00a0/g, " ");

// ---- the connection ----

/** Joins the URL's channel under the name in its field. */
function join() {
  const where = channelInURL();
  chat.clear();
  $("title").textContent = "#" + where;
  document.title = `#${where} – CommChannel`;
  channelField.value = where;
  /** @type {HTMLAnchorElement} */ ($("second")).href = location.pathname + "#" + encodeURIComponent(where);

  client?.close();
  client = connect("channel", { clientID: idFor(nameField.value), WebSocket: socket, storage: forgetful });
  client.on("state", showState);
  client.on("error", (error) => chat.notice(`The gateway says: ${error.message}`, true));
  client.on("gap", () => chat.notice("Some messages may be missing here."));
  showState();

  channel = client.channel(where, { history: HISTORY });
  channel.register("msg", (m) => {
    const text = typeof m.payload === "string" ? m.payload : JSON.stringify(m.payload, null, 1);
    chat.message({ who: nameIn(m.from), text, time: m.time });
  });
}

/** @param {string} text */
async function say(text) {
  const shown = chat.message({ who: nameIn(client.clientID), text, mine: true });
  const began = performance.now();
  try {
    await channel.send("msg", text);
    shown.done(performance.now() - began);
  } catch (error) {
    shown.lost(error instanceof Error ? error.message : String(error), () => say(text));
  }
}

const TRANSPORTS = { websocket: "WebSocket", longpoll: "Long-poll" };
const STATES = {
  connecting: "Connecting",
  connected: "Connected",
  waiting: "Reconnecting",
  paused: "Paused",
  closed: "Closed",
};

function showState() {
  const { state, transport } = client;
  const name = transport ? TRANSPORTS[transport] : "–";
  $("transport").textContent = name;
  $("state").textContent = STATES[state];
  Object.assign($("badge").dataset, { state, transport: transport ?? "" });
  $("badge-text").textContent = transport ? name : STATES[state];
  if (!transport) $("latency").textContent = "–";
  measure();
}

/** Sends a ping and shows how long its answer took. */
async function measure() {
  const { transport } = client;
  if (!transport || document.hidden) return;
  const began = performance.now();
  try {
    await client.ping();
  } catch {
    return; // the state tells
  }
  if (client.transport !== transport) return;
  const ms = performance.now() - began;
  if (began < LOADING) return;
  $("latency").textContent = ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
  chart.add(ms);
}

// ---- what the visitor does ----

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = textField.value.trim();
  textField.value = "";
  textField.focus();
  if (text) say(text);
});

textField.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  /** @type {HTMLFormElement} */ ($("composer")).requestSubmit();
});

$("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = nameField.value.trim().replace(/[\p{Cc}~]/gu, "");
  const where = channelField.value.trim().replace(/^#/, "").replace(/\s+/g, "-");
  $("problem").textContent =
    !name ? "Please enter a name."
    : !where ? "Please enter a channel."
    : where.startsWith("lock_") ? "Names that begin with lock_ are taken."
    : "";
  if ($("problem").textContent) return (name ? channelField : nameField).focus();
  nameField.value = name;
  storeName(name);
  history.replaceState(null, "", "#" + encodeURIComponent(where));
  join();
  scrollTo({ top: 0 });
  // Where there is no keyboard, the focus would cover half of the page with one.
  if (matchMedia("(hover: hover)").matches) textField.focus();
});

$("block").addEventListener("change", (event) => {
  const { checked } = /** @type {HTMLInputElement} */ (event.target);
  socket.block(checked);
});

$("skip").addEventListener("click", () => textField.focus());
$("jump").addEventListener("click", () => $("side").focus());
addEventListener("hashchange", join);
document.addEventListener("visibilitychange", measure);
setInterval(measure, PING_EVERY);

nameField.value = storedName() ?? anyName();
join();
