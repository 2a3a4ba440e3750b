// What several parts of the page do with its elements. All text goes in as
// text, never as markup.

/**
 * The page's element of that id.
 *
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 */
export const $ = (id) => /** @type {T} */ (/** @type {unknown} */ (document.getElementById(id)));

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/**
 * Text for screen readers alone.
 *
 * @param {string} text
 */
export const spoken = (text) => element("span", "hidden", text);

const NEAR = 60; // pixels from its end within which a list is read at its end

/**
 * Keeps a list that grows at its end where it is read: at the end, or further up.
 *
 * @param {HTMLElement} scroller
 * @param {HTMLElement} [button] leads back to the end; it shows while something new is below
 */
export function followEnd(scroller, button) {
  const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
  let following = true;
  const toEnd = () => {
    following = true;
    scroller.scrollTop = scroller.scrollHeight;
    if (button) button.hidden = true;
  };
  button?.addEventListener("click", toEnd);
  scroller.addEventListener("scroll", () => {
    following = atEnd();
    if (button && following) button.hidden = true;
  });
  // The window changes its size, a keyboard comes up, or the list is seen again.
  new ResizeObserver(() => {
    if (following) toEnd();
  }).observe(scroller);
  return {
    toEnd,

    /**
     * @param {() => void} grow adds to the list
     * @param {boolean} [anyway] go to the end even if somebody reads further up
     */
    around(grow, anyway) {
      const follow = anyway || following;
      grow();
      if (follow) toEnd();
      else if (button) button.hidden = false;
    },
  };
}
