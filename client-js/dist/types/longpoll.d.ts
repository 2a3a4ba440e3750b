/**
 * One exchange: an array of frames out, an array of frames back.
 *
 * @param {Env} env
 * @param {string} url
 * @param {Frame[]} frames
 * @param {RequestInit} init `signal`, `keepalive`
 * @returns {Promise<Frame[]>} throws a close code if the gateway refused this client, else anything
 */
export function exchange(env: Env, url: string, frames: Frame[], init: RequestInit): Promise<Frame[]>;
/**
 * Long-poll with a WebSocket's face: frames are sent one by one, and come one
 * by one. Beneath, one exchange with all subscriptions is always held by the
 * gateway, and what is to be answered at once goes in others beside it, one
 * at a time so that sends keep their order.
 *
 * The gateway keeps no state between exchanges. What the subscriptions stand
 * at is asked for before each of them, and an answer that was lost is asked
 * for again.
 *
 * @param {Env} env
 * @param {string} url
 * @param {Pick<Owner, "hello"|"subscriptions">} owner
 * @param {(frame: Frame) => void} heard never before this has returned
 * @param {(code: number) => void} lost it has ended, with a close code such as a WebSocket's; at most once, never after close()
 * @returns {Link}
 */
export function openLongPoll(env: Env, url: string, { hello, subscriptions }: Pick<Owner, "hello" | "subscriptions">, heard: (frame: Frame) => void, lost: (code: number) => void): Link;
/** @import { Owner } from "./connection.js" */
/** @import { Env, Frame, Link } from "./types.js" */
/**
 * Asks the gateway for a word: it answers what has a ref. This one is nobody's.
 *
 * @type {Frame}
 */
export const PING: Frame;
import type { Env } from "./types.js";
import type { Frame } from "./types.js";
import type { Owner } from "./connection.js";
import type { Link } from "./types.js";
