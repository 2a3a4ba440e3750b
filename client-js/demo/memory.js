// What the browser keeps for this page. Where cookies are forbidden, the mere
// look at a storage throws, and nothing is kept.

// Other pages of the gateway's origin may keep something, too.
const PREFIX = "commchannel.demo.";

/** @typedef {"localStorage"|"sessionStorage"} Where for all windows, or for this tab alone */

/**
 * @param {Where} where
 * @param {string} key
 */
export function recall(where, key) {
  try {
    return window[where].getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/**
 * @param {Where} where
 * @param {string} key
 * @param {string} value
 */
export function remember(where, key, value) {
  try {
    window[where].setItem(PREFIX + key, value);
  } catch {
    // As above.
  }
}
