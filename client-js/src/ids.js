/**
 * Makes ids that no other page makes: "prefix", over 80 random bits, a count.
 * They are good as message ids as long as the prefix is a letter beyond "g":
 * PHP's ids are 13 hexadecimal digits, the gateway's begin with "g".
 *
 * @param {string} prefix
 * @param {() => number} random
 * @returns {() => string}
 */
export function idMaker(prefix, random) {
  const digits = () => random().toString(36).slice(2, 10);
  const stem = prefix + digits() + digits() + "-";
  let count = 0;
  return () => stem + (++count).toString(36);
}
