// What lets this page show the frames that pass, on their way between the
// client and the browser's own WebSocket and fetch.

/**
 * @typedef {object} Passing
 * @property {"in"|"out"} way
 * @property {"websocket"|"longpoll"} via
 * @property {number} time   unix milliseconds
 * @property {number} bytes  of its JSON
 * @property {{op: string}} frame
 *
 * @callback Tell
 * @param {Passing[]} passing what passes in one go: the frames of an exchange, or one
 */

/**
 * Tells of a text of JSON: one frame, or a list of them.
 *
 * @param {Tell} tell
 * @param {Passing["way"]} way
 * @param {Passing["via"]} via
 * @param {any} text
 */
function tellAll(tell, way, via, text) {
  let frames;
  try {
    frames = [JSON.parse(text)].flat();
  } catch {
    return; // a proxy's page, say: no frame
  }
  const bytes = (/** @type {any} */ frame) => new TextEncoder().encode(JSON.stringify(frame)).length;
  tell(frames.map((frame) => ({ way, via, time: Date.now(), bytes: bytes(frame), frame })));
}

/**
 * @param {typeof WebSocket} WebSocket
 * @param {Tell} tell
 */
export function tapWebSocket(WebSocket, tell) {
  return class Tapped extends WebSocket {
    /** @param {string|URL} url */
    constructor(url) {
      super(url);
      this.addEventListener("message", ({ data }) => tellAll(tell, "in", "websocket", data));
    }

    /** @param {string} text */
    send(text) {
      tellAll(tell, "out", "websocket", text);
      super.send(text);
    }
  };
}

/**
 * @param {typeof fetch} fetch
 * @param {Tell} tell
 * @returns {typeof globalThis.fetch}
 */
export function tapFetch(fetch, tell) {
  return async (input, init) => {
    tellAll(tell, "out", "longpoll", init?.body);
    const response = await fetch(input, init);
    const copy = response.clone();
    copy.text().then(
      (text) => tellAll(tell, "in", "longpoll", text),
      () => {}, // it was given up, and who asked knows
    );
    return response;
  };
}
