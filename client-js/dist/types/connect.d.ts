/** @import { ChannelError } from "./errors.js" */
/** @import { Client, ConnectOptions } from "./types.js" */
/**
 * Connects to a gateway. It stays connected by itself until close().
 *
 *     const client = connect("/channel");
 *     const room = client.channel("room", { history: 20 });
 *     room.register("msg", (m, reply) => console.log(m.from, m.payload));
 *     await room.send("msg", "Hello there!");
 *
 * @param {string} url of the gateway, relative to the page
 * @param {ConnectOptions} [options]
 * @returns {Client}
 */
export function connect(url: string, options?: ConnectOptions): Client;
import type { ConnectOptions } from "./types.js";
import type { Client } from "./types.js";
