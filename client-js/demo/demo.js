// A chat on channels of the visitor's choice, and beside it what goes on
// beneath: the connection, and the frames that pass.

import { newAnnouncer } from "./announcer.js";
import { blockable, forgetful } from "./blocking.js";
import { firstChannels, readName } from "./channels.js";
import { $ } from "./dom.js";
import { newFrames } from "./frames.js";
import { recall, remember } from "./memory.js";
import { anyName } from "./names.js";
import { newRooms } from "./rooms.js";
import { newStatus } from "./status.js";
import { tapFetch, tapWebSocket } from "./tap.js";

const NAME = "name";
const CHANNELS = "channels";

/** @type {HTMLInputElement} */ const nameField = $("name");
/** @type {HTMLInputElement} */ const channelField = $("channel");
/** @type {HTMLTextAreaElement} */ const textField = $("text");

const { announce } = newAnnouncer($("announcer"));
const frames = newFrames();
const socket = blockable(tapWebSocket(WebSocket, frames.tell));

nameField.value = recall("localStorage", NAME) ?? anyName();
const rooms = newRooms(nameField.value, {
  options: { WebSocket: socket, fetch: tapFetch(fetch, frames.tell), storage: forgetful },
  announce,
  onstate: () => status.show(),
  onlist: (names) => remember("sessionStorage", CHANNELS, JSON.stringify(names)),
});
const status = newStatus(rooms.client);

for (const name of firstChannels(recall("sessionStorage", CHANNELS))) rooms.join(name);
rooms.show();
status.show();
addEventListener("hashchange", rooms.show);

// ---- what the visitor does ----

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = textField.value.trim();
  textField.value = "";
  textField.focus();
  if (text) rooms.say(text);
});

textField.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  /** @type {HTMLFormElement} */ ($("composer")).requestSubmit();
});

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, problem } = readName(channelField.value);
  $("channel-problem").textContent = problem;
  if (problem) return channelField.focus();
  channelField.value = "";
  rooms.go(name);
  focusComposer();
});

$("you").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = nameField.value.trim().replace(/[\p{Cc}~]/gu, "");
  $("name-problem").textContent = name ? "" : "Please enter a name.";
  if (!name) return nameField.focus();
  nameField.value = name;
  remember("localStorage", NAME, name);
  rooms.rename(name);
  announce(`You are ${name} now`);
});

$("block").addEventListener("change", (event) => {
  const { checked } = /** @type {HTMLInputElement} */ (event.target);
  socket.block(checked);
});

$("skip").addEventListener("click", () => {
  show("chat");
  textField.focus();
});

/** Where there is no keyboard, the focus would cover half of the page with one. */
function focusComposer() {
  if (matchMedia("(hover: hover)").matches) textField.focus();
}

// ---- views: on a small screen one part of the page at a time ----

const views = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#views button"));

/** @param {string} view */
function show(view) {
  document.body.dataset.view = view;
  for (const button of views) button.setAttribute("aria-pressed", String(button.value === view));
}

for (const button of views) button.addEventListener("click", () => show(button.value));
