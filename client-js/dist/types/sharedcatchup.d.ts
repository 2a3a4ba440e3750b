/**
 * Where it gets what it gives, and to whom.
 *
 * @typedef {object} Ways
 * @property {Env} env
 * @property {string} url
 * @property {() => Frame} hello
 * @property {(frame: Frame) => void} give in order, each once: `subscribed`, messages, gaps; or an error, and then nothing
 * @property {() => void} live what take() is called with from now on is to be given by others
 * @property {() => void} fail it can't be had
 */
/**
 * Brings somebody who wants to begin elsewhere to where a live subscription
 * is. What comes live is held back; meanwhile exchanges that are answered at
 * once, each from where the one before ended, fetch what there is, until a
 * place in it is one that the live messages have passed, too. There the held
 * ones go on. Cursors can be compared for nothing but equality: that is all
 * that is done with them here.
 *
 * The live subscription may be ahead, as usual, or behind: then what was
 * fetched goes beyond it, and nothing more is there to be fetched until it
 * comes live.
 *
 * @param {Ways} ways
 * @param {Frame} wish a `subscribe` with a `since` or a `history`, or neither
 * @param {string} at the place of the live subscription
 * @returns what is to be told each frame that comes live, and what ends it
 */
export function catchUp({ env, url, hello, give, live, fail }: Ways, { channel, since, history }: Frame, at: string): {
    /** @param {Frame} frame */
    take(frame: Frame): void;
    close: () => void;
};
/**
 * Where it gets what it gives, and to whom.
 */
export type Ways = {
    env: Env;
    url: string;
    hello: () => Frame;
    /**
     * in order, each once: `subscribed`, messages, gaps; or an error, and then nothing
     */
    give: (frame: Frame) => void;
    /**
     * what take() is called with from now on is to be given by others
     */
    live: () => void;
    /**
     * it can't be had
     */
    fail: () => void;
};
import type { Frame } from "./types.js";
import type { Env } from "./types.js";
