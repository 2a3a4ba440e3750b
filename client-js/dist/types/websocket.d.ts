/** @import { Owner } from "./connection.js" */
/** @import { Env, Frame, Link } from "./types.js" */
/**
 * Opens a WebSocket that speaks frames.
 *
 * @param {Env} env which must have a WebSocket; its constructor may throw
 * @param {string} url http or https
 * @param {Pick<Owner, "hello">} owner
 * @param {(frame: Frame) => void} heard never before this has returned
 * @param {(code: number) => void} lost a close code; at most once, never after close()
 * @returns {Link}
 */
export function openWebSocket(env: Env, url: string, { hello }: Pick<Owner, "hello">, heard: (frame: Frame) => void, lost: (code: number) => void): Link;
import type { Env } from "./types.js";
import type { Owner } from "./connection.js";
import type { Frame } from "./types.js";
import type { Link } from "./types.js";
