/** @import { Env, Frame, Link } from "./types.js" */
/**
 * Opens a WebSocket that speaks frames.
 *
 * @param {Env} env which must have a WebSocket; its constructor may throw
 * @param {string} url http or https
 * @param {() => Frame} hello the first frame
 * @returns {Link}
 */
export function openWebSocket(env: Env, url: string, hello: () => Frame): Link;
import type { Env } from "./types.js";
import type { Frame } from "./types.js";
import type { Link } from "./types.js";
