// A gateway as small as can be, on a real port: long-poll alone, and what it
// keeps is an array. It is for tests of the built scripts, where nothing of
// the network is a fake.

import { once } from "node:events";
import { createServer } from "node:http";

export async function startGateway() {
  /** @type {object[]} messages; a cursor is how many there were */
  const log = [];
  /** Those who hold an exchange: they are shown what is new, or else what is told by the way. */
  const held = new Set();
  /** @type {Set<string>} tokens */
  const expired = new Set();

  /** What came on the subscribed channels after their cursors. */
  function news(frames) {
    return frames.flatMap(({ channel, since }) => {
      const after = log.slice(Number(since.slice(1))).filter((m) => m.channel === channel);
      return after.length ? [{ op: "subscribed", channel, cursor: since, recovered: true }, ...after] : [];
    });
  }

  function append({ channel, type, payload, id, reply_to }, from) {
    log.push({ op: "message", channel, type, payload, id, reply_to, from, cursor: "c" + (log.length + 1) });
    for (const look of held) look();
    return "c" + log.length;
  }

  function answer(frame, from) {
    const { op, ref, channel, id } = frame;
    if (op === "subscribe") return { op: "subscribed", ref, channel, cursor: "c" + log.length };
    if (op === "send") return { op: "sent", ref, channel, id, cursor: append(frame, from) };
    if (op === "presence") return { op, ref, channel, clients: [from], count: 1 };
    return { op: "pong", ref };
  }

  function exchange([hello, ...frames], response) {
    const say = (answer) => response.end(JSON.stringify(answer));
    if (expired.has(hello.token)) return say([{ op: "error", code: "token_expired", message: "a new token is wanted" }]);
    const holds = frames.every(({ op, since }) => op === "subscribe" && since);
    if (!holds) {
      return say([{ op: "welcome", clientid: hello.clientid, version: 1 }, ...frames.map((f) => answer(f, hello.clientid))]);
    }
    const look = (found = news(frames)) => {
      if (!found.length) return;
      held.delete(look);
      say(found);
    };
    held.add(look);
    response.on("close", () => held.delete(look));
    look();
  }

  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    exchange(JSON.parse(body), response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    expired,
    holding: () => held.size,
    tell: (frame) => held.forEach((look) => look([frame])),
    url: `http://127.0.0.1:${server.address().port}/channel`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
