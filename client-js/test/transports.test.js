// Choosing between WebSocket and long-poll.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, onLongPoll, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

test("the URL is the page's, with ws for http", () => {
  const world = newWorld();
  connect("/channel", world.options);
  assert.equal(world.socket.url, "wss://shop.example/channel");
});

test("a WebSocket is trusted only after its welcome", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  world.socket.open();
  assert.deepEqual(world.socket.sent, [{ op: "hello", clientid: "me" }]);
  assert.equal(client.state, "connecting");

  world.socket.say(welcome);
  assert.equal(client.state, "connected");
  assert.equal(client.transport, "websocket");
  assert.equal(world.socket.of("subscribe").length, 1);
});

test("a page's first WebSocket has 2.5 s for its welcome", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  world.socket.open();
  await world.clock.advance(2499);
  assert.equal(world.exchanges.length, 0);
  await world.clock.advance(1);
  assert.ok(world.socket.closed);
  assert.equal(world.exchanges.length, 1);
});

test("later WebSockets have 5 s for their welcome", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.end(1006);
  await world.clock.advance(2000);
  assert.equal(world.sockets.length, 2);
  await world.clock.advance(4000);
  assert.ok(!world.socket.closed);
  await world.clock.advance(1000);
  assert.ok(world.socket.closed);
});

test("a WebSocket that fails before its welcome is followed by long-poll at once", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.end(1006);
  await settled(); // and the clock stands still
  await world.asking("hello").answer(welcome, { op: "pong" });
  assert.equal(client.transport, "longpoll");
});

test("a WebSocket whose constructor throws is followed by long-poll at once", async () => {
  const world = newWorld();
  world.refuseSockets = true;
  connect("/channel", world.options);
  await settled();
  assert.equal(world.pending.length, 1);
});

test("without a WebSocket in the browser long-poll goes alone", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, WebSocket: undefined });
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.clock.advance(3600e3);
  assert.equal(client.transport, "longpoll");
});

test("transports restricts what is tried", async () => {
  const one = newWorld();
  connect("/channel", { ...one.options, transports: ["longpoll"] });
  await settled();
  assert.deepEqual([one.sockets.length, one.exchanges.length], [0, 1]);

  const other = newWorld();
  const client = connect("/channel", { ...other.options, transports: ["websocket"] });
  other.socket.end(1006);
  await settled();
  assert.equal(other.exchanges.length, 0);
  assert.equal(client.state, "waiting");
  await other.clock.advance(2000);
  assert.equal(other.sockets.length, 2);
});

test("WebSocket is tried again beside long-poll", async () => {
  const world = newWorld();
  const client = await onLongPoll(world);
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(4000);
  assert.equal(world.sockets.length, 2);
  assert.equal(client.state, "connected"); // the trial does not disturb
  assert.equal(client.transport, "longpoll");
});

test("from long-poll to WebSocket nothing is lost or doubled", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const got = gather(client.channel("room"));
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.asking("subscribe").answer(welcome, subscribed(1));
  const held = world.asking("subscribe");
  await held.answer(subscribed(1, { recovered: true }), message(2));
  assert.equal(world.asking("subscribe").of("subscribe")[0].since, "c2");

  await world.clock.advance(5000);
  const socket = world.socket;
  socket.open();
  await world.asking("subscribe").answer(subscribed(2, { recovered: true }), message(3)); // long-poll goes on until the welcome
  socket.say(welcome);
  await settled();
  assert.equal(client.transport, "websocket");
  assert.equal(world.pending.length, 0, "the poll is aborted");
  assert.deepEqual(socket.of("subscribe").map((frame) => frame.since), ["c3"]);

  socket.say(subscribed(3, { recovered: true }), message(3), message(4));
  assert.deepEqual(got, [2, 3, 4]);
});

test("a POST that is not answered in time resets the transport", async () => {
  const world = newWorld();
  const client = await onLongPoll(world, { transports: undefined });
  client.channel("room").send("msg", 1).catch(() => {});
  await settled();
  const post = world.asking("send");
  await world.clock.advance(10e3);
  assert.ok(post.aborted);
  assert.equal(client.transport, null);
});
