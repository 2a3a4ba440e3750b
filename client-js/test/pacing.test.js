// A gateway, or something on the way to it, that answers at once and without
// end: it is not asked again without a pause, and the pauses grow.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, holding, message, newWorld, polling, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

const MINUTE = 60e3;

/**
 * Answers every exchange as soon as it is there, for so long.
 *
 * @returns {Promise<number[]>} when each was asked, in milliseconds from now; of more than 100, the first ones
 */
async function answering(world, ms, answer) {
  const { clock } = world;
  const began = clock.now();
  const asked = [];
  while (asked.length <= 100) {
    await settled();
    const [exchange] = world.pending;
    if (exchange) {
      asked.push(clock.now() - began);
      await answer(exchange);
      continue;
    }
    if (clock.now() + clock.untilNext > began + ms) break;
    await clock.advance(clock.untilNext);
  }
  return asked;
}

/** How far apart, of times that grow. */
const apart = (times) => times.slice(1).map((time, i) => time - times[i]);

const unknown = { op: "conformance", channel: "room", payload: {} };

let places = 0;
const useless = {
  "nothing": () => [],
  "an op of a later version": () => [unknown],
  "such an op, and that it is subscribed": () => [unknown, subscribed(1, { recovered: true })],
  "what was there already": () => [subscribed(1, { recovered: true }), message(1)],
  "that messages are lost": () => [subscribed(1, { recovered: false })],
  "that they are lost, from another place each time": () => [subscribed(++places, { recovered: false }), message(++places)],
  "an error about nothing": () => [{ op: "error", code: "internal", message: "a fault" }],
};

for (const [what, frames] of Object.entries(useless)) {
  test(`a held exchange that is answered at once with ${what}, each time, is paced`, async () => {
    const world = newWorld();
    const { client } = await holding(world);
    client.on("error", () => {});
    const pauses = apart(await answering(world, MINUTE, (exchange) => exchange.answer(...frames())));
    assert.ok(pauses.length < 15, `${pauses.length + 1} exchanges in a minute`);
    assert.ok(Math.min(...pauses) >= 500, `a pause of ${Math.min(...pauses)} ms`);
    assert.ok(pauses.at(-1) > 4 * pauses[0], `pauses of ${pauses} ms`);
    assert.equal(client.state, "connected");
  });
}

test("the pauses have jitter", async () => {
  const first = async (random) => {
    const world = newWorld({ random: () => random });
    await holding(world);
    return apart(await answering(world, MINUTE, (exchange) => exchange.answer()))[0];
  };
  assert.deepEqual([await first(0), await first(0.5), await first(0.999999)].map(Math.round), [500, 1250, 2000]);
});

test("one answer that brings something makes the pauses short again", async () => {
  const world = newWorld();
  const { got } = await holding(world);
  await answering(world, MINUTE, (exchange) => exchange.answer());
  await world.clock.advance(20e3);
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [2]);
  await world.asking("subscribe").answer();
  await world.clock.advance(1250);
  assert.equal(world.asking("subscribe").of("subscribe")[0].since, "c2");
});

test("messages that were lost once do not stop those that follow", async () => {
  const world = newWorld();
  const { got } = await holding(world);
  await world.asking("subscribe").answer(subscribed(4, { recovered: false }), message(5));
  await world.clock.advance(1250);
  await world.asking("subscribe").answer(subscribed(5, { recovered: true }), message(6));
  await world.asking("subscribe").answer(subscribed(6, { recovered: true }), message(7));
  assert.deepEqual(got, [5, 6, 7]);
});

for (const frame of [
  { op: "join", channel: "room", clientid: "carol" },
  { op: "leave", channel: "room", clientid: "carol" },
  { op: "presence", channel: "room", clients: [], count: 2000 },
]) {
  test(`${frame.op} ends the wait, and the next exchange begins at once`, async () => {
    const world = newWorld();
    await holding(world);
    for (let i = 0; i < 5; i++) await world.asking("subscribe").answer(subscribed(1, { recovered: true }), frame);
    assert.equal(world.pending.length, 1);
  });
}

test("in a pause, sends go out, and a subscription begins", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  await world.asking("subscribe").answer();
  client.channel("room").send("msg", 1).catch(() => {});
  gather(client.channel("other"));
  await settled();
  assert.equal(world.pending.length, 1);
  assert.deepEqual(world.pending[0].frames.map(({ op, channel }) => [op, channel]), [
    ["hello", undefined],
    ["subscribe", "other"],
    ["send", "room"],
  ]);
});

test("after close, no pause is left to wait for", async () => {
  const world = newWorld();
  const { client } = await holding(world);
  await world.asking("subscribe").answer();
  client.close();
  assert.equal(world.clock.untilNext, Infinity);
});

test("a welcome counts wherever it stands in the first answer", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  const got = gather(client.channel("room", { since: "c1" }));
  await settled();
  await world.asking("ping").answer(unknown, welcome, { op: "pong" });
  assert.equal(client.state, "connected");
  await world.asking("subscribe").answer(unknown, subscribed(1, { recovered: true }), unknown, message(2));
  assert.deepEqual(got, [2]);
});

for (const [what, ...frames] of [
  ["nothing"],
  ["an op of a later version", unknown],
  ["an error that may pass", { op: "error", code: "unavailable", message: "no store" }],
  ["that it goes away, at once", { op: "bye", reason: "draining", retry: 0 }],
]) {
  test(`a first exchange that is answered with ${what}, and no welcome, is tried again with back-off`, async () => {
    const world = newWorld();
    const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
    client.on("error", () => {});
    gather(client.channel("room"));
    const pauses = apart(await answering(world, MINUTE, (exchange) => exchange.answer(...frames)));
    assert.equal(client.state, "waiting");
    assert.ok(pauses.length > 3 && pauses.length < 15, `${pauses.length + 1} exchanges in a minute`);
    assert.ok(pauses.at(-1) > 4000, `pauses of ${pauses} ms`);
  });
}

test("a gateway that welcomes, and then sends away at once, is left alone for longer each time", async () => {
  const world = newWorld();
  connect("/channel", { ...world.options, transports: ["longpoll"] });
  const bye = { op: "bye", reason: "draining", retry: 0 };
  const asked = await answering(world, MINUTE, (exchange) => exchange.answer(welcome, bye));
  assert.ok(asked.length < 15, `${asked.length} exchanges in a minute`);
});

test("a subscription that is not answered is asked for again with back-off", async () => {
  const world = newWorld();
  const client = await polling(world);
  gather(client.channel("room"));
  const asked = await answering(world, MINUTE, (exchange) => exchange.answer(welcome, unknown));
  assert.ok(asked.length > 3 && asked.length < 25, `${asked.length} exchanges in a minute`);
});

test("a subscription that is replaced before its answer is no fault", async () => {
  const world = newWorld();
  const client = await polling(world);
  gather(client.channel("room"));
  await settled();
  const first = world.asking("subscribe");
  client.channel("room").close();
  gather(client.channel("other"));
  await first.answer(welcome, subscribed(3));
  assert.equal(client.state, "connected");
  await world.asking("subscribe").answer(welcome, subscribed(7, { channel: "other" }));
  assert.equal(world.asking("subscribe").of("subscribe")[0].since, "c7");
});
