/**
 * A channel with what the ES module has beyond the classic script: requests,
 * presence, and loops over messages.
 *
 * @param {string} name
 * @param {ChannelOptions} options
 * @param {Owner} owner
 * @returns {Channel & Inner & End}
 */
export function newFullChannel(name: string, options: ChannelOptions, owner: Owner): Channel & Inner & End;
export type End = {
    /**
     * the client was closed; by the gateway, if there is an error
     */
    end: (error?: ChannelError) => void;
};
import type { ChannelOptions } from "./types.js";
import type { Owner } from "./channel.js";
import type { Channel } from "./types.js";
import type { Inner } from "./channel.js";
import { ChannelError } from "./errors.js";
