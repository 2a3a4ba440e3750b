// Loops over messages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, settled, stillOpen, subscribed } from "./fakes.js";
import { connect } from "./setup.js";

/** A client on a welcomed WebSocket, and its channel "room". */
function connected(options = {}) {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  return { world, client, room: client.channel("room", options) };
}

/** Takes n payloads from a loop. */
async function take(loop, n) {
  const got = [];
  for (let i = 0; i < n; i++) {
    const { done, value } = await loop.next();
    got.push(done ? "done" : value.payload);
  }
  return got;
}

test("a loop over a channel gets all of its messages, in order", async () => {
  const { world, room } = connected();
  const got = [];
  const loop = (async () => {
    for await (const m of room) {
      got.push(m.payload);
      if (m.payload === 4) break;
    }
  })();
  world.socket.say(subscribed(0), message(1), message(2, { type: "other" }));
  await settled();
  world.socket.say(message(3), message(4));
  await loop;
  assert.deepEqual(got, [1, 2, 3, 4]);
});

test("a loop has what came since messages() was called", async () => {
  const { world, room } = connected();
  const loop = room.messages();
  assert.equal(world.socket.of("subscribe").length, 1);
  world.socket.say(subscribed(0), message(1), message(2));
  assert.deepEqual(await take(loop, 2), [1, 2]);
});

test("a loop that is ahead waits, and may ask for several at once", async () => {
  const { world, room } = connected();
  const loop = room.messages();
  const asked = [loop.next(), loop.next()];
  await stillOpen(asked[0]);
  world.socket.say(message(1), message(2));
  assert.deepEqual((await Promise.all(asked)).map(({ value }) => value.payload), [1, 2]);
});

test("one's own messages are left out of a loop, and come with echo", async () => {
  for (const [echo, expected] of [[false, 2], [true, 1]]) {
    const { world, room } = connected({ echo });
    const loop = room.messages();
    world.socket.say(message(1, { from: "me" }), message(2));
    assert.deepEqual(await take(loop, 1), [expected]);
  }
});

test("several loops each get all", async () => {
  const { world, room } = connected();
  const loops = [room.messages(), room.messages()];
  assert.equal(world.socket.of("subscribe").length, 1);
  world.socket.say(message(1), message(2));
  assert.deepEqual(await Promise.all(loops.map((loop) => take(loop, 2))), [[1, 2], [1, 2]]);
});

test("a loop goes on over a reconnect", async () => {
  const { world, room } = connected();
  const loop = room.messages();
  world.socket.say(subscribed(0), message(1));
  world.socket.end(1006);
  await world.nextSocket();
  world.socket.welcome();
  assert.equal(world.socket.of("subscribe")[0].since, "c1");
  world.socket.say(subscribed(0, { recovered: true }), message(1), message(2));
  assert.deepEqual(await take(loop, 2), [1, 2]);
});

test("a loop that is left ends the subscription that it began", async () => {
  const { world, room } = connected();
  const loop = room.messages();
  world.socket.say(message(1));
  await loop.next();
  assert.deepEqual(await loop.return(), { done: true, value: undefined });
  assert.equal(world.socket.of("unsubscribe").length, 1);
  assert.deepEqual(await take(loop, 1), ["done"]);
});

for (const [what, use] of [
  ["a callback", (room) => room.register("msg", () => {})],
  ["open()", (room) => room.open()],
  ["a request", (room) => void room.request("question").catch(() => {})],
  ["another loop", (room) => void room.messages()],
]) {
  test(`a loop that is left lets ${what} have the subscription, which began before`, async () => {
    const { world, room } = connected();
    use(room);
    await room.messages().return();
    assert.equal(world.socket.of("unsubscribe").length, 0);
  });

  test(`a loop that is left lets ${what} have the subscription, which it began itself`, async () => {
    const { world, room } = connected();
    const loop = room.messages();
    use(room);
    await loop.return();
    assert.equal(world.socket.of("unsubscribe").length, 0);
  });
}

test("the last of several loops ends the subscription", async () => {
  const { world, room } = connected();
  const loops = [room.messages(), room.messages()];
  await loops[0].return();
  await loops[0].return(); // twice is once
  assert.equal(world.socket.of("unsubscribe").length, 0);
  await loops[1].return();
  assert.equal(world.socket.of("unsubscribe").length, 1);
});

test("a loop begun after one that was left goes on behind it", async () => {
  const { world, room } = connected();
  const first = room.messages();
  world.socket.say(subscribed(0), message(1), message(2), message(3));
  assert.deepEqual(await take(first, 1), [1]);
  await first.return();
  const second = room.messages();
  assert.equal(world.socket.of("subscribe")[1].since, "c3");
  world.socket.say(subscribed(3, { recovered: true }), message(4));
  assert.deepEqual(await take(second, 3), [2, 3, 4]);
});

test("a loop on a channel that others have begins with what comes now", async () => {
  const { world, room } = connected();
  const first = room.messages();
  world.socket.say(message(1), message(2));
  await first.return();
  room.open();
  world.socket.say(message(3));
  const second = room.messages();
  world.socket.say(message(4));
  assert.deepEqual(await take(second, 1), [4]);
});

test("close ends a loop when it has got what came before", async () => {
  for (const whose of ["room", "client"]) {
    const { world, ...closeable } = connected();
    const loop = closeable.room.messages();
    world.socket.say(message(1), message(2));
    closeable[whose].close();
    assert.deepEqual(await take(loop, 4), [1, 2, "done", "done"]);
  }
});

test("close ends a loop that waits", async () => {
  const { room } = connected();
  const got = [];
  const loop = (async () => {
    for await (const m of room) got.push(m);
  })();
  await settled();
  room.close();
  await loop;
  assert.deepEqual(got, []);
});

test("a loop after close() begins anew", async () => {
  const { world, room } = connected();
  room.messages();
  world.socket.say(subscribed(0), message(1));
  room.close();
  const loop = room.messages();
  assert.equal(world.socket.of("subscribe")[1].since, "c1");
  world.socket.say(message(2));
  assert.deepEqual(await take(loop, 1), [2]);
});

test("there is no loop on a client that is closed", () => {
  const { client, room } = connected();
  client.close();
  assert.throws(() => room.messages(), { code: "closed" });
});

test("a slow loop gets what its buffer holds, and then an error", async () => {
  const { world, room } = connected();
  const loop = room.messages({ buffer: 2 });
  world.socket.say(subscribed(0), message(1), message(2), message(3));
  assert.deepEqual(await take(loop, 2), [1, 2]);
  await assert.rejects(loop.next(), { code: "too_slow" });
  assert.deepEqual(await take(loop, 1), ["done"]);
});

test("a loop that keeps up is not bounded", async () => {
  const { world, room } = connected();
  const loop = room.messages({ buffer: 1 });
  for (let n = 1; n <= 10; n++) {
    world.socket.say(message(n));
    assert.deepEqual(await take(loop, 1), [n]);
  }
});

test("1000 messages may wait for a loop", async () => {
  const { world, room } = connected();
  const loop = room.messages();
  for (let n = 1; n <= 1001; n++) world.socket.say(message(n));
  assert.equal((await take(loop, 1000)).at(-1), 1000);
  await assert.rejects(loop.next(), { code: "too_slow" });
});

test("a slow loop does not stop callbacks and other loops", async () => {
  const { world, room } = connected();
  const got = gather(room);
  const [slow, other] = [room.messages({ buffer: 1 }), room.messages()];
  world.socket.say(message(1), message(2), message(3));
  assert.deepEqual(got, [1, 2, 3]);
  assert.deepEqual(await take(other, 3), [1, 2, 3]);
  assert.deepEqual(await take(slow, 1), [1]);
  await assert.rejects(slow.next(), { code: "too_slow" });
  assert.equal(world.socket.of("unsubscribe").length, 0);
});

test("a loop that was too slow and alone can be begun again without a loss", async () => {
  const { world, room } = connected();
  const slow = room.messages({ buffer: 2 });
  world.socket.say(subscribed(0), message(1), message(2), message(3), message(4));
  assert.equal(world.socket.of("unsubscribe").length, 1, "no more are taken");
  assert.deepEqual(await take(slow, 2), [1, 2]);
  await assert.rejects(slow.next(), { code: "too_slow" });
  const again = room.messages({ buffer: 2 });
  assert.equal(world.socket.of("subscribe")[1].since, "c3");
  world.socket.say(subscribed(3, { recovered: true }), message(4));
  assert.deepEqual(await take(again, 2), [3, 4]);
});

test("a signal ends a loop at once, with its reason", async () => {
  const { world, room } = connected();
  const abort = new AbortController();
  const loop = room.messages({ signal: abort.signal });
  world.socket.say(message(1));
  abort.abort(new Error("enough"));
  await assert.rejects(loop.next(), { message: "enough" });
  assert.deepEqual(await take(loop, 1), ["done"]);
  assert.equal(world.socket.of("unsubscribe").length, 1);
});

test("a signal ends a loop that waits", async () => {
  const { room } = connected();
  const abort = new AbortController();
  const rejected = assert.rejects(room.messages({ signal: abort.signal }).next(), { name: "AbortError" });
  abort.abort();
  await rejected;
});

test("there is no loop with a signal that is aborted already", () => {
  const { world, room } = connected();
  assert.throws(() => room.messages({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(world.socket.of("subscribe").length, 0);
});

test("a loop throws what the gateway refuses its subscription with", async (t) => {
  const log = t.mock.method(console, "error", () => {});
  const { world, room } = connected();
  const loop = room.messages();
  const [{ ref }] = world.socket.of("subscribe");
  world.socket.say({ op: "error", ref, code: "forbidden", message: "not yours" });
  await assert.rejects(loop.next(), { code: "forbidden" });
  assert.equal(log.mock.callCount(), 0, "the loop was told");
});

test("a loop throws what the gateway ends the connection with, after what came before", async () => {
  const { world, client, room } = connected();
  client.on("error", () => {});
  const loop = room.messages();
  world.socket.say(message(1));
  world.socket.end(4203);
  assert.deepEqual(await take(loop, 1), [1]);
  await assert.rejects(loop.next(), { code: "forbidden" });
});

test("a gap is told while a loop goes on", async () => {
  const { world, room } = connected();
  const gaps = [];
  room.on("gap", ({ cursor }) => gaps.push(cursor));
  const loop = room.messages();
  world.socket.say(message(1), { op: "gap", channel: "room", cursor: "c8" }, message(9));
  assert.deepEqual(await take(loop, 2), [1, 9]);
  assert.deepEqual(gaps, ["c8"]);
});
