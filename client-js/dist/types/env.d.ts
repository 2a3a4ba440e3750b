/** @import { ConnectOptions, Env } from "./types.js" */
/**
 * Gathers what a connection needs of its surroundings, so that nothing below
 * touches a global and tests can put their own clock, network and page.
 *
 * @param {ConnectOptions} options
 * @returns {Env}
 */
export function environment(options: ConnectOptions): Env;
import type { ConnectOptions } from "./types.js";
import type { Env } from "./types.js";
