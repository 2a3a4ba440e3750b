// The list of messages. All text goes in as text, never as markup.

const MOST = 500; // messages kept on the page
const HUES = 8;
const TOGETHER = 3 * 60e3; // milliseconds within which one person's messages share one head

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** @param {string} name */
function hueOf(name) {
  let sum = 0;
  for (const c of name) sum = Math.imul(sum ^ (c.codePointAt(0) ?? 0), 0x5bd1e995) >>> 0;
  return "hue-" + ((sum >>> 16) % HUES);
}

/**
 * @typedef {object} Said
 * @property {string} who
 * @property {string} text
 * @property {boolean} [mine]
 * @property {number} [time] unix milliseconds
 */

/**
 * @param {Record<"log"|"scroller"|"empty"|"newer", HTMLElement>} parts
 */
export function newChat({ log, scroller, empty, newer }) {
  /** @type {{who: string, mine: boolean|undefined, time: number}|null} */
  let last = null;

  const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
    newer.hidden = true;
  };
  newer.addEventListener("click", toEnd);
  scroller.addEventListener("scroll", () => {
    if (atEnd()) newer.hidden = true;
  });

  /**
   * @param {HTMLElement} item
   * @param {boolean} [follow] even if the visitor reads further up
   */
  function add(item, follow) {
    const end = follow || atEnd();
    empty.hidden = true;
    log.append(item);
    while (log.children.length > MOST) log.firstElementChild?.remove();
    if (end) toEnd();
    else newer.hidden = false;
  }

  return {
    clear() {
      log.replaceChildren();
      empty.hidden = false;
      newer.hidden = true;
      last = null;
    },

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
          button.addEventListener("click", () => {
            item.remove();
            again();
          });
          fate.append(" ", button);
        },
      };
    },
  };
}

/**
 * @param {string} who
 * @param {number} time
 */
function head(who, time) {
  const meta = element("p", "meta");
  const date = new Date(time);
  const when = /** @type {HTMLTimeElement} */ (element("time", ""));
  when.dateTime = date.toISOString();
  when.textContent = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  meta.append(element("span", "who", who), when);
  return meta;
}
