// Callbacks, replies, and subscriptions that are refused.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { gather, message, newWorld, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

/** A client on a welcomed WebSocket, and its channel "room". */
function connected() {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  return { world, client, room: client.channel("room") };
}

test("nothing is subscribed to before something is registered", () => {
  const { world, room } = connected();
  room.send("msg", 1).catch(() => {});
  assert.equal(world.socket.of("subscribe").length, 0);
  room.register("msg", () => {});
  room.register("other", () => {});
  assert.equal(world.socket.of("subscribe").length, 1);
});

test("all channels share one connection, and a name is one channel", () => {
  const { world, client, room } = connected();
  gather(room);
  gather(client.channel("other"));
  assert.equal(world.sockets.length, 1);
  assert.equal(client.channel("room"), room);
});

test("callbacks get what they are registered for, and * gets all", () => {
  const { world, room } = connected();
  const [a, all] = [gather(room, "a"), gather(room, "*")];
  world.socket.say(subscribed(0), message(1, { type: "a" }), message(2, { type: "b" }), message(3, { type: "" }));
  assert.deepEqual(a, [1]);
  assert.deepEqual(all, [1, 2, 3]);
});

test("a callback gets the whole message", () => {
  const { world, room } = connected();
  const got = [];
  room.register("msg", (m) => got.push(m));
  const { op, ...expected } = message(1, { time: 1795389286619, reply_to: "m0" });
  world.socket.say({ op, ...expected });
  assert.deepEqual({ ...got[0], ...expected }, got[0]);
});

test("unregister takes back one callback, or all of a type", () => {
  const { world, room } = connected();
  const got = [];
  const one = () => got.push("one");
  room.register("msg", one).register("msg", () => got.push("two"));
  room.unregister("msg", one);
  world.socket.say(message(1));
  room.unregister("msg");
  world.socket.say(message(2));
  assert.deepEqual(got, ["two"]);
});

test("a callback that throws does not stop the others", (t) => {
  const log = t.mock.method(console, "error", () => {});
  const { world, room } = connected();
  const error = new Error("fault");
  room.register("msg", () => {
    throw error;
  });
  const got = gather(room);
  world.socket.say(message(1), message(2));
  assert.deepEqual(got, [1, 2]);
  assert.deepEqual(log.mock.calls.map((call) => call.arguments[0]), [error, error]);
});

test("a listener that throws does not stop the others", (t) => {
  t.mock.method(console, "error", () => {});
  const { client, world } = connected();
  const states = [];
  client.on("state", () => {
    throw new Error("fault");
  });
  client.on("state", ({ state }) => states.push(state));
  world.socket.end(1006);
  assert.deepEqual(states, ["waiting"]);
});

test("a listener can be taken away", () => {
  const { client, world } = connected();
  const states = [];
  client.on("state", ({ state }) => states.push(state))();
  world.socket.end(1006);
  assert.deepEqual(states, []);
});

test("a reply names the message it answers", () => {
  const { world, room } = connected();
  room.register("question", (m, reply) => void reply("answer", m.payload + 1).catch(() => {}));
  world.socket.say(message(41, { type: "question" }));
  const [frame] = world.socket.of("send");
  assert.deepEqual([frame.channel, frame.type, frame.payload, frame.reply_to], ["room", "answer", 42, "m41"]);
});

test("a channel that is closed gets nothing, and goes on from where it was", () => {
  const { world, room } = connected();
  const got = gather(room);
  world.socket.say(subscribed(0), message(1));
  room.close();
  assert.equal(world.socket.of("unsubscribe")[0].channel, "room");
  world.socket.say(message(2));
  room.open();
  assert.equal(world.socket.of("subscribe")[1].since, "c1");
  world.socket.say(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [1, 2]);
});

test("a subscription that is refused for good is told and not asked for again", async () => {
  const { world, client, room } = connected();
  const told = [];
  room.on("error", (error) => told.push(["channel", error.code]));
  client.on("error", (error) => told.push(["client", error.code]));
  gather(room);
  const { ref } = world.socket.of("subscribe")[0];
  world.socket.say({ op: "error", ref, code: "forbidden", message: "not yours" });
  assert.deepEqual(told.map(String).sort(), ["channel,forbidden", "client,forbidden"]);
  world.socket.end(1006);
  await world.nextSocket();
  world.socket.welcome();
  assert.equal(world.socket.of("subscribe").length, 0);
  room.open(); // but the application may
  assert.equal(world.socket.of("subscribe").length, 1);
});

test("a subscription that is refused for now is asked for again later", async () => {
  const { world, client, room } = connected();
  client.on("error", () => {});
  gather(room);
  const { ref } = world.socket.of("subscribe")[0];
  world.socket.say({ op: "error", ref, code: "unavailable", message: "the store" });
  assert.equal(world.socket.of("subscribe").length, 1);
  await world.clock.advance(16e3);
  assert.equal(world.socket.of("subscribe").length, 2);
});

test("a refused subscription does not make long-poll ask without pause", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  client.on("error", () => {});
  gather(client.channel("room"));
  gather(client.channel("other", { since: "o1" }));
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  const begun = world.pending.find((exchange) => exchange.of("subscribe")[0].channel === "room");
  await begun.answer(welcome, { op: "error", ref: begun.of("subscribe")[0].ref, code: "unavailable", message: "" });
  assert.deepEqual(world.asking("subscribe").of("subscribe").map((frame) => frame.channel), ["other"]);
  await world.clock.advance(16e3);
  assert.ok(world.pending.some((exchange) => exchange.of("subscribe").some((frame) => frame.channel === "room")));
});

test("an error that nobody listens for is written down", () => {
  const log = mock.method(console, "error", () => {});
  try {
    const { world } = connected();
    world.socket.say({ op: "error", code: "internal", message: "a fault" });
    assert.equal(log.mock.calls[0].arguments[0].code, "internal");
  } finally {
    log.mock.restore();
  }
});

test("frames of a newer gateway are ignored", () => {
  const { world, room } = connected();
  const got = gather(room);
  world.socket.say({ op: "weather", channel: "room", degrees: 20 }, { op: "message", channel: "unknown", cursor: "x" });
  world.socket.say(message(1, { colour: "red" }));
  assert.deepEqual(got, [1]);
});
