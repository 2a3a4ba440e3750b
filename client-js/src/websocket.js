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
export function openWebSocket(env, url, { hello }, heard, lost) {
  const WebSocket = /** @type {NonNullable<Env["WebSocket"]>} */ (env.WebSocket);
  const socket = new WebSocket(url.replace(/^http/, "ws"));
  /** @type {Link} */
  const link = {
    kind: "websocket",

    send(frame) {
      socket.send(JSON.stringify(frame));
    },

    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
  socket.onopen = () => link.send(hello());
  socket.onmessage = ({ data }) => heard(JSON.parse(data));
  socket.onclose = ({ code }) => lost(code);
  return link;
}
