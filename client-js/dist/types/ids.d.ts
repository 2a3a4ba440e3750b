/**
 * Makes ids that no other page makes: "prefix", over 80 random bits, a count.
 * They are good as message ids as long as the prefix is a letter beyond "g":
 * PHP's ids are 13 hexadecimal digits, the gateway's begin with "g".
 *
 * @param {string} prefix
 * @param {() => number} random
 * @returns {() => string}
 */
export function idMaker(prefix: string, random: () => number): () => string;
