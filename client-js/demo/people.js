// Who is in the channel, where the gateway tells.

import { $, element } from "./dom.js";
import { hueOf, nameIn } from "./names.js";

/** @import { Channel } from "./channelclient.mjs" */

const SHOWN = 50; // names, of however many clients

/** @param {() => string} clientID this window's own */
export function newPeople(clientID) {
  const list = $("people");
  /** @type {Channel|undefined} */
  let channel;
  let asking = false;
  let again = false; // something changed meanwhile

  /** Asks who is there; whatever changes while the answer is on its way is asked for after it. */
  async function ask() {
    again = asking;
    if (asking || !channel) return;
    asking = true;
    const asked = channel;
    try {
      const { clients, count } = await asked.presence();
      if (asked === channel) show(clients, count);
    } catch (error) {
      const { code } = /** @type {{code?: string}} */ (error);
      if (code === "forbidden" && asked === channel) showOff();
    }
    asking = false;
    if (again) ask();
  }

  /**
   * @param {string[]} clients
   * @param {number} count which may be more
   */
  function show(clients, count) {
    $("presence-off").hidden = true;
    $("people-count").textContent = String(count);
    const own = clientID();
    const sorted = clients.toSorted((a, b) => Number(b === own) - Number(a === own) || nameIn(a).localeCompare(nameIn(b)));
    const items = sorted.slice(0, SHOWN).map((id) => person(nameIn(id), id === own));
    const more = count - items.length;
    if (more > 0) items.push(element("li", "more", `and ${more} more`));
    list.replaceChildren(...items);
  }

  function showOff() {
    $("presence-off").hidden = false;
    $("people-count").textContent = "";
    list.replaceChildren();
  }

  return {
    ask,

    /** @param {Channel} shown */
    show(shown) {
      if (channel !== shown) {
        $("people-count").textContent = "";
        list.replaceChildren();
      }
      channel = shown;
      ask();
    },

    /** @param {Channel} changed somebody has come or gone */
    changed(changed) {
      if (changed === channel) ask();
    },
  };
}

/**
 * @param {string} name
 * @param {boolean} own
 */
function person(name, own) {
  const item = element("li", hueOf(name));
  const initial = element("span", "face", [...name][0]?.toUpperCase() ?? "?");
  initial.setAttribute("aria-hidden", "true");
  item.append(initial, element("span", "", name));
  if (own) item.append(element("span", "soft", "you"));
  return item;
}
