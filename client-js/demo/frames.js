// The panel that shows the frames that pass.

import { $, element, followEnd, spoken } from "./dom.js";
import { recall, remember } from "./memory.js";

/** @import { Passing } from "./tap.js" */

const MOST = 200; // frames kept
const OPEN = "frames"; // what remembers whether the panel is open
const VIA = { websocket: "WS", longpoll: "POST" };

/** A panel that is told of frames, shows the newest, and can be stopped to read. */
export function newFrames() {
  const panel = $("frames-panel");
  const list = $("frames");
  const pause = $("pause");
  /** @type {HTMLInputElement} */ const pings = $("pings");
  const end = followEnd($("frames-scroller"));
  /** @type {Passing[]} what passed while the panel stands still */
  let held = [];
  let paused = false;

  /** @param {Passing[]} passing */
  function show(passing) {
    end.around(() => {
      list.append(...passing.map(row));
      while (list.children.length > MOST) list.firstElementChild?.remove();
      $("frames-empty").hidden = list.children.length > 0;
      enter(/** @type {HTMLElement|null} */ (list.lastElementChild), list);
    });
  }

  function tellHeld() {
    $("held").textContent = paused ? `${held.length}${held.length < MOST ? "" : "+"} waiting` : "";
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) show(held);
    held = [];
    tellHeld();
  });

  $("clear").addEventListener("click", () => {
    list.replaceChildren();
    held = [];
    $("frames-empty").hidden = false;
    tellHeld();
  });

  /** @param {boolean} open */
  function setOpen(open) {
    panel.classList.toggle("shut", !open);
    $("frames-toggle").setAttribute("aria-expanded", String(open));
    if (open) end.toEnd();
  }
  $("frames-toggle").addEventListener("click", () => {
    const open = panel.classList.contains("shut");
    setOpen(open);
    remember("localStorage", OPEN, String(open));
  });
  setOpen(recall("localStorage", OPEN) !== "false");
  list.addEventListener("keydown", walk);

  return {
    /** @param {Passing[]} passing in one go */
    tell(passing) {
      const some = pings.checked ? passing : withoutPings(passing);
      if (!some.length) return;
      if (!paused) return show(some);
      held = [...held, ...some].slice(-MOST);
      tellHeld();
    },
  };
}

/**
 * This page pings the gateway all the time, to show how long that takes. Over
 * long-poll each ping is an exchange, with a hello and a welcome of its own.
 *
 * @param {Passing[]} passing in one go
 */
function withoutPings(passing) {
  const rest = passing.filter(({ frame }) => !["ping", "pong"].includes(frame.op));
  const asked = rest.length < passing.length || passing[0]?.via === "longpoll";
  const alone = asked && rest.every(({ frame }) => ["hello", "welcome"].includes(frame.op));
  return alone ? [] : rest;
}

/** @param {Passing} passing */
function row({ way, via, time, bytes, frame }) {
  const { op, ...rest } = frame;
  const item = element("li", `frame ${way} ${op === "error" || op === "gap" ? "problem" : ""}`);
  const summary = element("summary");
  summary.tabIndex = -1;
  const arrow = element("span", "way", way === "out" ? "↑" : "↓");
  arrow.setAttribute("aria-hidden", "true");
  summary.append(
    arrow,
    spoken(way === "out" ? "sent " : "received "),
    element("b", "", op),
    element("span", "via", VIA[via]),
    element("span", "gist", gist(rest)),
    element("span", "bytes", `${bytes} B`),
    element("time", "", clock(time)),
  );
  const details = element("details");
  details.append(summary);
  details.addEventListener("toggle", () => {
    details.querySelector("pre")?.remove();
    if (details.open) details.append(element("pre", "", JSON.stringify(frame, null, 2)));
  });
  item.append(details);
  return item;
}

/**
 * A frame on one line, which may be cut at its end: what tells most comes first.
 *
 * @param {Record<string, any>} fields
 */
function gist({ channel, from, type, payload, code, message, ...rest }) {
  return JSON.stringify({ channel, from, type, payload, code, message, ...rest });
}

/** @param {number} time */
function clock(time) {
  const date = new Date(time);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

// The Tab key stops at one frame only, and the arrow keys lead to the others:
// two hundred stops would bar the way to what comes after them.

/**
 * Has the Tab key stop at a frame, unless one is being read.
 *
 * @param {HTMLElement|null} item
 * @param {HTMLElement} list
 */
function enter(item, list) {
  if (!item || list.contains(document.activeElement)) return;
  const before = list.querySelector("summary[tabindex='0']");
  const summary = item.querySelector("summary");
  if (before) /** @type {HTMLElement} */ (before).tabIndex = -1;
  if (summary) summary.tabIndex = 0;
}

/** @param {KeyboardEvent} event */
function walk(event) {
  const list = /** @type {HTMLElement} */ (event.currentTarget);
  const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("summary")]);
  const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
  const steps = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 };
  const to = all[steps[/** @type {keyof typeof steps} */ (event.key)] ?? -1];
  if (at < 0 || !to) return;
  event.preventDefault();
  all[at].tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}
