/**
 * Connects to a gateway. It stays connected by itself until close().
 *
 * This is what the classic script needs. The ES module builds on it with
 * another way to stay connected, and channels that do more.
 *
 * @param {string} url of the gateway, relative to the page
 * @param {CoreOptions} [options] `token` is looked at for each hello
 * @param {typeof stayConnected} [stay]
 * @param {typeof newChannel} [makeChannel]
 * @returns {CoreClient}
 */
export function newClient(url: string, options?: CoreOptions, stay?: typeof stayConnected, makeChannel?: typeof newChannel): CoreClient;
import type { CoreOptions } from "./types.js";
import { stayConnected } from "./connection.js";
import { newChannel } from "./channel.js";
import type { CoreClient } from "./types.js";
