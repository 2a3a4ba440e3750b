// What lets this page look as if its network blocked WebSocket.

/**
 * A WebSocket that can be blocked: open ones end, and no new one gets through.
 *
 * @param {typeof WebSocket} WebSocket
 */
export function blockable(WebSocket) {
  let blocked = false;
  /** @type {Set<WebSocket>} */
  const sockets = new Set();

  return class Blockable extends WebSocket {
    /** @param {string} url */
    constructor(url) {
      if (blocked) throw new Error("WebSocket is blocked by the switch on this page");
      super(url);
      sockets.add(this);
      this.addEventListener("close", () => sockets.delete(this));
    }

    /** @param {boolean} on */
    static block(on) {
      blocked = on;
      for (const socket of sockets) if (on) socket.close();
      // Tells the client what a change of networks would: try again now.
      if (!on) dispatchEvent(new Event("online"));
    }
  };
}

/**
 * Takes the place of sessionStorage, in which the client remembers that a
 * network blocks WebSocket. This one does so only until the switch goes back.
 */
export const forgetful = { getItem: () => null, setItem() {}, removeItem() {} };
