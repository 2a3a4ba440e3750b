import { newClient } from "./client.js";
import { stayConnected } from "./connection.js";
import { ending } from "./errors.js";
import { newFullChannel } from "./fullchannel.js";
import { sharing } from "./shared.js";
import { withToken } from "./token.js";

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
export function connect(url, options = {}) {
  const own = { ...options };
  const alone = own.getToken ? withToken(stayConnected, own) : stayConnected;
  const shared = own.shared ? sharing(own, alone) : undefined;
  const stay = shared?.stay ?? alone;
  /** @type {Set<ReturnType<typeof newFullChannel>>} */
  const channels = new Set();
  /** @param {ChannelError} [error] */
  const end = (error) => channels.forEach((channel) => channel.end(error));

  const client = newClient(
    url,
    own,
    (env, address, owner, kinds) => {
      const onend = (/** @type {number} */ code) => {
        owner.onend(code);
        end(ending(code));
      };
      return stay(env, address, { ...owner, onend }, kinds);
    },
    (...of) => {
      const channel = newFullChannel(...(shared?.channel(...of) ?? of));
      channels.add(channel);
      return channel;
    },
  );
  const { close } = client;
  const closed = () => {
    close();
    end();
  };
  return /** @type {Client} */ (Object.assign(client, { close: closed }));
}
