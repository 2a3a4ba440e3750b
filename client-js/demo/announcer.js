const TOGETHER = 500; // milliseconds over which what is to be said is gathered
const MOST = 3; // is said word by word; more is only counted

/**
 * Tells screen readers what is new. The lists of messages and frames are no
 * live regions: a channel's history, and every ping, would be read aloud.
 *
 * @param {HTMLElement} region a polite live region
 */
export function newAnnouncer(region) {
  /** @type {string[]} */
  let waiting = [];

  function say() {
    region.textContent = waiting.length > MOST ? `${waiting.length} messages` : waiting.join(". ");
    waiting = [];
  }

  return {
    /** @param {string} text */
    announce(text) {
      if (waiting.push(text) === 1) setTimeout(say, TOGETHER);
    },
  };
}
