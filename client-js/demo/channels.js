// The list of channels: links to each, how much is unread, and how to join
// and leave. Which one is shown is told by the URL, so that a link leads to it.

import { $, element, spoken } from "./dom.js";

const START = ["lobby", "random"]; // for a URL that names none

/** The channel that the URL names, or "". */
export function channelInURL() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** @param {string} name */
export const urlOf = (name) => "#" + encodeURIComponent(name);

/**
 * What was open in this tab before, and what the URL names.
 *
 * @param {string|null} remembered
 * @returns {string[]}
 */
export function firstChannels(remembered) {
  const named = channelInURL();
  const before = /** @type {string[]} */ (JSON.parse(remembered ?? "[]"));
  if (before.length || named) return [...new Set([...before, named].filter(Boolean))];
  return START;
}

/**
 * @param {string} text as somebody wrote it
 * @returns {{name: string, problem: string}}
 */
export function readName(text) {
  const name = text.trim().replace(/^#/, "").replace(/\s+/g, "-");
  const problem =
    !name ? "Please enter a name."
    : name.startsWith("lock_") ? "Names that begin with lock_ are taken."
    : "";
  return { name, problem };
}

/**
 * @typedef {object} Entry
 * @property {HTMLLIElement} item
 * @property {HTMLAnchorElement} link
 * @property {HTMLElement} badge
 * @property {number} unread
 */

/**
 * @param {(name: string) => void} leave is called when somebody is done with a channel
 */
export function newChannelList(leave) {
  const list = $("channels");
  /** @type {Map<string, Entry>} in the order of the list */
  const entries = new Map();
  let current = "";

  /** @param {string} name */
  function add(name) {
    const item = element("li", "channel");
    const link = element("a", "", name);
    link.href = urlOf(name);
    const badge = element("span", "unread");
    const button = element("button", "leave", "×");
    button.type = "button";
    button.title = `Leave #${name}`;
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", () => leave(name));
    link.append(badge);
    item.append(link, button);
    list.append(item);
    entries.set(name, { item, link, badge, unread: 0 });
  }

  /**
   * @param {string} name
   * @param {number} unread
   */
  function setUnread(name, unread) {
    const entry = entries.get(name);
    if (!entry) return;
    entry.unread = unread;
    entry.badge.replaceChildren(...(unread ? [String(Math.min(unread, 99)) + (unread > 99 ? "+" : ""), spoken(" unread")] : []));
    tellTitle();
  }

  /** The window's title tells of what is unread in all channels. */
  function tellTitle() {
    let unread = 0;
    for (const entry of entries.values()) unread += entry.unread;
    document.title = `${unread ? `(${unread}) ` : ""}#${current} – CommChannel`;
  }

  return {
    add,
    names: () => [...entries.keys()],

    /** @param {string} name which is read from now on */
    show(name) {
      entries.get(current)?.link.removeAttribute("aria-current");
      current = name;
      const { link, item } = /** @type {Entry} */ (entries.get(name));
      link.setAttribute("aria-current", "page");
      item.scrollIntoView({ block: "nearest", inline: "nearest" });
      setUnread(name, 0);
    },

    /** @param {string} name which has one more message that nobody has read; tells whether it is the first */
    more(name) {
      const unread = (entries.get(name)?.unread ?? 0) + 1;
      setUnread(name, unread);
      return unread === 1;
    },

    /**
     * @param {string} name
     * @returns {string} the channel that takes its place
     */
    remove(name) {
      const names = [...entries.keys()];
      const at = names.indexOf(name);
      entries.get(name)?.item.remove();
      entries.delete(name);
      const next = names[at + 1] ?? names[at - 1] ?? START[0];
      // The focus was on the button that has gone.
      entries.get(next)?.link.focus();
      return next;
    },
  };
}
