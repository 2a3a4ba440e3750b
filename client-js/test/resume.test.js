// Going on where it ended, and what belongs to a client over all of its links.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

test("every subscription resumes by its cursor", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room", { history: 20 }));
  gather(client.channel("other", { since: "o7", echo: true }));
  world.socket.welcome();
  assert.deepEqual(
    world.socket.of("subscribe").map(({ ref, ...rest }) => rest),
    [
      { op: "subscribe", channel: "room", history: 20 },
      { op: "subscribe", channel: "other", since: "o7", echo: true },
    ],
  );
  world.socket.say(subscribed(1), message(2), message(3));
  world.socket.end(1006);
  await world.clock.advance(2000);
  world.socket.welcome();
  assert.deepEqual(world.socket.of("subscribe").map((frame) => frame.since), ["c3", "o7"]);
});

test("messages that were seen are dropped", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const got = gather(client.channel("room"));
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1), message(2));
  world.socket.end(1006);
  await world.clock.advance(2000);
  world.socket.welcome();
  world.socket.say(subscribed(0, { recovered: false }), message(1), message(2), message(3));
  assert.deepEqual(got, [1, 2, 3]);
});

test("what is remembered of messages seen is bounded", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const got = gather(client.channel("room"));
  world.socket.welcome();
  for (let n = 1; n <= 300; n++) world.socket.say(message(n));
  world.socket.say(message(300), message(45), message(44));
  assert.deepEqual(got.slice(298), [299, 300, 44]);
});

test("a gap is told, on the channel and on the client", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const room = client.channel("room");
  gather(room);
  const told = [];
  room.on("gap", (gap) => told.push(["channel", gap]));
  client.on("gap", (gap) => told.push(["client", gap]));
  world.socket.welcome();
  world.socket.say(subscribed(1), { op: "gap", channel: "room", cursor: "c9" });
  assert.deepEqual(told, [
    ["channel", { channel: "room", cursor: "c9" }],
    ["client", { channel: "room", cursor: "c9" }],
  ]);
  assert.equal(room.cursor, "c9");
});

test("a subscription that could not be recovered is a gap", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room", { since: "c1" }));
  const told = [];
  client.on("gap", (gap) => told.push(gap.channel));
  world.socket.welcome();
  world.socket.say(subscribed(5, { recovered: false }));
  assert.deepEqual(told, ["room"]);
  world.socket.say(subscribed(5, { recovered: true }), subscribed(5));
  assert.equal(told.length, 1);
});

test("one's own messages are left out, and the cursor moves over them", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const room = client.channel("room");
  const got = gather(room);
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1, { from: "me" }), message(2), message(3, { from: "me" }));
  assert.deepEqual(got, [2]);
  assert.equal(room.cursor, "c3");
});

test("one's own messages come with echo", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const got = gather(client.channel("room", { echo: true }));
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1, { from: "me" }));
  assert.deepEqual(got, [1]);
});

test("the client id is the one of the welcome", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, clientID: undefined });
  world.socket.open();
  assert.match(world.socket.sent[0].clientid, /^c[0-9a-z]+-1$/);
  const got = gather(client.channel("room"));
  world.socket.say({ ...welcome, clientid: "alice" });
  world.socket.say(subscribed(0), message(1, { from: "alice" }), message(2, { from: "me" }));
  assert.equal(client.clientID, "alice");
  assert.deepEqual(got, [2]);
});

test("a token goes with every hello", async () => {
  const world = newWorld();
  connect("/channel", { ...world.options, token: "t" });
  world.socket.open();
  assert.deepEqual(world.socket.sent[0], { op: "hello", clientid: "me", token: "t" });
});

test("close ends everything", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  world.socket.welcome();
  const send = client.channel("room").send("msg", 1);
  client.close();
  await assert.rejects(send, { code: "closed" });
  assert.ok(world.socket.closed);
  assert.equal(client.state, "closed");
  world.window.fire("online");
  world.window.fire("pageshow", { persisted: true });
  await world.clock.advance(3600e3);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.exchanges.length, 0);
});

test("the state is told once for each change", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const states = [];
  client.on("state", ({ state, transport }) => states.push([state, transport]));
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.clock.advance(5000);
  world.socket.welcome();
  world.socket.end(1006);
  client.close();
  assert.deepEqual(states, [
    ["connected", "longpoll"],
    ["connected", "websocket"],
    ["waiting", null],
    ["closed", null],
  ]);
});

test("an acknowledgement that comes too late moves no place", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, sendTimeout: 1000 });
  const room = client.channel("room");
  room.register("msg", () => {});
  world.socket.welcome();
  const sent = assert.rejects(room.send("msg", 1), { code: "timeout" });
  const [{ ref, id }] = world.socket.of("send");
  world.socket.say({ op: "message", channel: "room", cursor: "c1", id: "m1", type: "msg", from: "bob", payload: 1, time: 1 });
  await world.clock.advance(1000);
  await sent;
  world.socket.say({ op: "sent", ref, channel: "room", id, cursor: "c9" });
  assert.equal(room.cursor, "c1");
});
