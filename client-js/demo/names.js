// Names of visitors, in client ids and on the page.

const HUES = 8;

const FIRST = ["Quick", "Quiet", "Bright", "Merry", "Brave", "Gentle", "Clever", "Sunny"];
const SECOND = ["Otter", "Heron", "Lynx", "Robin", "Badger", "Finch", "Hare", "Wren"];

/** A name for those who chose none. */
export function anyName() {
  const pick = (/** @type {string[]} */ words) => words[Math.floor(Math.random() * words.length)];
  return pick(FIRST) + " " + pick(SECOND);
}

/**
 * A client id that others can read a name in, and that is this window's own:
 * two windows of one person are two clients. Ids take no spaces.
 *
 * @param {string} name
 */
export const idFor = (name) => name.replace(/\s/g, "\u00a0") + "~" + Math.random().toString(36).slice(2, 8);

/** @param {string} [id] */
export const nameIn = (id = "somebody") => id.replace(/~[a-z0-9]*$/, "").replace(/\u00a0/g, " ");

/**
 * A class that gives one name one colour.
 *
 * @param {string} name
 */
export function hueOf(name) {
  let sum = 0;
  for (const c of name) sum = Math.imul(sum ^ (c.codePointAt(0) ?? 0), 0x5bd1e995) >>> 0;
  return "hue-" + ((sum >>> 16) % HUES);
}
