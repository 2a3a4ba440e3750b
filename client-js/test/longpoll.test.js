// Long-poll with a WebSocket's face.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, holding, message, newWorld, polling, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

test("the first exchange is one that the gateway answers at once", async () => {
  const world = newWorld();
  connect("/channel", { ...world.options, transports: ["longpoll"] });
  await settled();
  const [first] = world.exchanges;
  assert.deepEqual(first.frames, [{ op: "hello", clientid: "me" }, { op: "ping" }]);
  assert.equal(first.init.method, "POST");
  assert.equal(first.init.headers["Content-Type"], "application/json");
});

test("a subscription without a place gets one at once and is held from there", async () => {
  const world = newWorld();
  const client = await polling(world);
  const got = gather(client.channel("room", { history: 2 }));
  await settled();
  const begun = world.asking("subscribe");
  assert.equal(begun.of("subscribe")[0].history, 2);
  await begun.answer(welcome, subscribed(2), message(1), message(2));
  assert.deepEqual(got, [1, 2]);
  assert.equal(world.pending.length, 1);
  const [held] = world.asking("subscribe").of("subscribe");
  assert.equal(held.since, "c2");
  assert.equal(held.history, undefined);
});

test("all channels are held by one exchange", async () => {
  const world = newWorld();
  const client = await polling(world);
  for (const name of ["a", "b", "c"]) gather(client.channel(name, { since: "s" }));
  await settled();
  assert.equal(world.pending.length, 1);
  assert.deepEqual(world.pending[0].of("subscribe").map((frame) => frame.channel), ["a", "b", "c"]);
});

test("the next exchange begins where the answer is read, not in a timer", async () => {
  const world = newWorld();
  const { got } = await holding(world);
  for (let n = 2; n <= 5; n++) {
    const held = world.asking("subscribe");
    assert.equal(held.of("subscribe")[0].since, "c" + (n - 1));
    await held.answer(subscribed(n - 1, { recovered: true }), message(n)); // the clock stands still
  }
  assert.deepEqual(got, [2, 3, 4, 5]);
  assert.equal(world.pending.length, 1);
});

test("an exchange that has its answer is not aborted by the next one", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  const held = world.asking("subscribe");
  await held.answer(subscribed(1, { recovered: true }), message(2)); // somebody else may still read it
  assert.equal(world.pending.length, 1);
  assert.ok(!held.aborted);
  client.close();
  assert.ok(!held.aborted);
});

test("an answer with nothing after its hold is followed at once", async () => {
  const world = newWorld();
  await holding(world);
  await world.clock.advance(25e3);
  await world.asking("subscribe").answer();
  assert.equal(world.pending.length, 1);
});

test("an answer with nothing at once is followed after a pause", async () => {
  const world = newWorld();
  await holding(world);
  await world.asking("subscribe").answer();
  assert.equal(world.pending.length, 0);
  await world.clock.advance(1249);
  assert.equal(world.pending.length, 0);
  await world.clock.advance(1);
  assert.equal(world.pending.length, 1);
});

test("a place that moved over one's own messages is taken over", async () => {
  const world = newWorld();
  const { got } = await holding(world);
  await world.asking("subscribe").answer(subscribed(9, { recovered: true }));
  assert.equal(world.asking("subscribe").of("subscribe")[0].since, "c9");
  assert.deepEqual(got, []);
});

test("a held exchange without an answer resets the transport", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  const held = world.asking("subscribe");
  await world.clock.advance(40e3);
  assert.ok(held.aborted);
  assert.equal(client.state, "waiting");
});

test("a held exchange that something cuts after a while is followed by another", async () => {
  const world = newWorld();
  const { client, got } = await holding(world);
  for (let i = 0; i < 3; i++) {
    await world.clock.advance(2000);
    await world.asking("subscribe").fail();
    await world.asking("ping").answer(welcome, { op: "pong", ref: -1 });
    assert.equal(client.state, "connected");
  }
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [2]);
  assert.equal(world.pending.length, 1);
});

test("if after such a cut nothing else is answered either, the transport is reset", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  await world.clock.advance(2000);
  await world.asking("subscribe").fail();
  await world.asking("ping").fail();
  assert.equal(client.state, "waiting");
  assert.equal(world.pending.length, 0);
});

test("a held exchange that fails at once resets the transport", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  await world.clock.advance(899);
  await world.asking("subscribe").fail();
  assert.equal(client.state, "waiting");
});

test("sends go beside the held exchange, one exchange at a time, in order", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  const room = client.channel("room");
  const held = world.asking("subscribe");
  const sends = [1, 2, 3].map((n) => room.send("msg", n));
  await settled();
  const first = world.asking("send");
  assert.deepEqual(first.of("send").map((frame) => frame.payload), [1, 2, 3]);
  sends.push(room.send("msg", 4));
  await settled();
  assert.equal(world.pending.length, 2, "the fourth waits");

  const acknowledged = (exchange) =>
    exchange.of("send").map(({ ref, id }) => ({ op: "sent", ref, channel: "room", id, cursor: "c" }));
  await first.answer(welcome, ...acknowledged(first));
  const second = world.asking("send");
  assert.deepEqual(second.of("send").map((frame) => frame.payload), [4]);
  await second.answer(welcome, ...acknowledged(second));
  await Promise.all(sends);
  assert.ok(held.pending, "the held exchange is left alone");
});

test("a subscription goes before the sends of the same moment", async () => {
  const world = newWorld();
  const client = await polling(world);
  client.channel("room").send("msg", "who is there?").catch(() => {});
  gather(client.channel("room"));
  await settled();
  assert.deepEqual(world.pending[0].frames.map((frame) => frame.op), ["hello", "subscribe", "send"]);
});

test("another channel restarts the held exchange", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  const before = world.asking("subscribe");
  gather(client.channel("other", { since: "o1" }));
  await settled();
  assert.ok(before.aborted);
  assert.deepEqual(world.asking("subscribe").of("subscribe").map((frame) => frame.since), ["c1", "o1"]);
});

test("another channel without a place is held with the others once it has one", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  const before = world.asking("subscribe");
  gather(client.channel("other"));
  await settled();
  const begun = world.pending.find((exchange) => exchange !== before);
  assert.deepEqual(begun.of("subscribe").map((frame) => frame.channel), ["other"]);
  await begun.answer(welcome, subscribed(7, { channel: "other" }));
  assert.ok(before.aborted);
  assert.deepEqual(world.asking("subscribe").of("subscribe").map((frame) => frame.since), ["c1", "c7"]);
});

test("there is never more than one held exchange", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  await world.asking("subscribe").answer(); // a second's pause, in which another begins
  gather(client.channel("other", { since: "o1" }));
  await settled();
  await world.clock.advance(2000);
  assert.equal(world.pending.length, 1);
});

test("nothing is sent after close", async () => {
  const world = newWorld();
  const client = await polling(world);
  client.channel("room").send("msg", 1).catch(() => {});
  client.close();
  await settled();
  assert.equal(world.pending.length, 0);
  assert.equal(world.exchanges.flatMap((exchange) => exchange.of("send")).length, 0);
});

test("a channel that is closed is not asked for any more", async () => {
  const world = newWorld();
  const { client, got } = await holding(world);
  const before = world.asking("subscribe");
  client.channel("room").close();
  await settled();
  assert.ok(before.aborted);
  assert.equal(world.pending.length, 0);
  client.channel("room").open();
  await settled();
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [2]);
});

test("a gateway that drains says so, and is left for as long as it says", async () => {
  const world = newWorld({ random: () => 0 });
  const { client, got } = await holding(world);
  await world.asking("subscribe").answer(
    subscribed(1, { recovered: true }),
    message(2),
    { op: "bye", reason: "draining", retry: 1200 },
  );
  assert.deepEqual(got, [2]);
  assert.equal(client.state, "waiting");
  await world.clock.advance(1249);
  assert.equal(world.pending.length, 0);
  await world.clock.advance(1);
  assert.equal(world.pending.length, 1);
});

test("a network that fails brings it back after a pause, from its cursor", async () => {
  const world = newWorld();
  const { client, got } = await holding(world);
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  await world.asking("subscribe").fail();
  assert.equal(client.state, "waiting");
  await world.clock.advance(2000);
  await world.asking("ping").answer(welcome, { op: "pong" });
  const again = world.asking("subscribe");
  assert.equal(again.of("subscribe")[0].since, "c2");
  await again.answer(subscribed(2, { recovered: true }), message(3));
  assert.deepEqual(got, [2, 3]);
});

test("one exchange takes no more than the gateway reads", async () => {
  const world = newWorld();
  const client = await polling(world);
  for (let n = 0; n < 150; n++) client.channel("room").send("msg", n).catch(() => {});
  await settled();
  assert.equal(world.asking("send").of("send").length, 99);

  const big = newWorld();
  const other = await polling(big);
  for (let n = 0; n < 5; n++) other.channel("room").send("msg", "x".repeat(50e3)).catch(() => {});
  await settled();
  assert.equal(big.asking("send").of("send").length, 2);
});

test("a callback that closes the client stops the rest of the answer", async () => {
  const world = newWorld();
  const { client, got } = await holding(world);
  const errors = [];
  client.on("error", (error) => errors.push(error.code));
  client.channel("room").register("msg", () => client.close());
  await world.asking("subscribe").answer(
    subscribed(1, { recovered: true }),
    message(2),
    message(3),
    { op: "error", code: "internal", message: "a fault" },
  );
  assert.deepEqual(got, [2]);
  assert.deepEqual(errors, []);
  assert.equal(world.pending.length, 0);
});
