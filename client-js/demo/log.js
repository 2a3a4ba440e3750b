// The messages of one channel, as a list.

import { element } from "./dom.js";
import { hueOf } from "./names.js";

const MOST = 500; // messages kept of one channel
const TOGETHER = 3 * 60e3; // milliseconds within which one person's messages share one head

/**
 * @typedef {object} Said
 * @property {string} who
 * @property {string} text
 * @property {boolean} [mine]
 * @property {number} [time] unix milliseconds
 */

/**
 * @param {(grow: () => void, mine?: boolean) => void} around is called with what lets the list grow
 */
export function newLog(around) {
  const list = element("ol", "log");
  list.setAttribute("aria-label", "Messages");
  /** @type {{who: string, mine: boolean|undefined, time: number}|null} */
  let last = null;

  /**
   * @param {HTMLElement} item
   * @param {boolean} [mine]
   */
  function add(item, mine) {
    around(() => {
      list.append(item);
      while (list.children.length > MOST) list.firstElementChild?.remove();
    }, mine);
  }

  return {
    list,

    /**
     * @param {string} text
     * @param {boolean} [bad]
     */
    notice(text, bad) {
      last = null;
      add(element("li", bad ? "notice problem" : "notice", text));
    },

    /**
     * @param {Said} said
     * @returns what tells a message of one's own what became of it
     */
    message({ who, text, mine, time = Date.now() }) {
      const more = last?.who === who && last.mine === mine && time - last.time < TOGETHER;
      last = { who, mine, time };
      const item = element("li", `${hueOf(who)} ${mine ? "mine" : ""} ${more ? "more" : ""}`);
      item.append(head(mine ? "You" : who, time), element("p", "bubble", text));
      const fate = element("p", "fate", mine ? "sending…" : "");
      if (mine) item.append(fate);
      add(item, mine);
      return fateOf(item, fate);
    },
  };
}

/** @typedef {ReturnType<typeof newLog>} Log */

/**
 * @param {string} who
 * @param {number} time
 */
function head(who, time) {
  const meta = element("p", "meta");
  const date = new Date(time);
  const when = element("time", "", date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  when.dateTime = date.toISOString();
  meta.append(element("span", "who", who), when);
  return meta;
}

/**
 * @param {HTMLElement} item
 * @param {HTMLElement} fate
 */
function fateOf(item, fate) {
  return {
    /** @param {number} ms until the gateway had it */
    done(ms) {
      fate.className = "fate done";
      fate.textContent = `sent in ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
    },

    /**
     * @param {string} why
     * @param {() => void} again
     */
    lost(why, again) {
      fate.className = "fate lost";
      fate.textContent = `not sent (${why})`;
      const button = element("button", "", "try again");
      button.type = "button";
      button.addEventListener("click", () => {
        item.remove();
        again();
      });
      fate.append(" ", button);
    },
  };
}
