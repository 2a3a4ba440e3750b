/** @import { Env, Frame, Link } from "./types.js" */

/**
 * Opens a WebSocket that speaks frames.
 *
 * @param {Env} env which must have a WebSocket; its constructor may throw
 * @param {string} url http or https
 * @param {() => Frame} hello the first frame
 * @returns {Link}
 */
export function openWebSocket(env, url, hello) {
  const WebSocket = /** @type {NonNullable<Env["WebSocket"]>} */ (env.WebSocket);
  const socket = new WebSocket(url.replace(/^http/, "ws"));
  /** @type {Link} */
  const link = {
    kind: "websocket",
    onmessage() {},
    onclose() {},

    send(frame) {
      socket.send(JSON.stringify(frame));
    },

    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
  socket.onopen = () => link.send(hello());
  socket.onmessage = ({ data }) => link.onmessage(JSON.parse(data));
  socket.onclose = ({ code }) => link.onclose(code);
  return link;
}
