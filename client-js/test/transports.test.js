// Choosing between WebSocket and long-poll.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

/** A client whose WebSocket has just failed and whose long-poll works. */
async function onLongPoll(world, options = {}) {
  const client = connect("/channel", { ...world.options, ...options });
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  return client;
}

/** Lets the WebSocket tried beside a long-poll fail, and long-poll prove itself. */
async function failBeside(world) {
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
}

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

test("a dead gateway does not make WebSocket count as blocked", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  for (let i = 1; i <= 10; i++) {
    assert.equal(world.sockets.length, i, "each attempt begins with a WebSocket");
    world.socket.end(1006);
    await settled();
    await world.pending[0].fail();
    await world.nextSocket();
  }
  assert.equal(world.storage.items.size, 0);
});

test("WebSocket counts as blocked after three failures while long-poll works", async () => {
  const world = newWorld();
  await onLongPoll(world);
  for (let i = 0; i < 2; i++) {
    await world.nextSocket();
    await failBeside(world);
  }
  await world.nextSocket(); // which was due before the last proof came
  await failBeside(world);
  assert.equal(await world.nextSocket(3600e3), 5 * 60e3);
});

test("that WebSocket is blocked is remembered over page loads of the tab", async () => {
  const world = newWorld();
  await onLongPoll(world);
  for (let i = 0; i < 2; i++) {
    await world.nextSocket();
    await failBeside(world);
  }
  const later = newWorld({ storage: world.storage });
  later.clock.sleep(world.clock.now() - later.clock.now());
  const client = connect("/channel", later.options);
  await settled();
  assert.equal(later.sockets.length, 0);
  await later.asking("ping").answer(welcome, { op: "pong" });
  assert.equal(client.transport, "longpoll");

  const much = newWorld({ storage: world.storage });
  much.clock.sleep(world.clock.now() - much.clock.now() + 30 * 60e3);
  connect("/channel", much.options);
  assert.equal(much.sockets.length, 1, "after half an hour it is tried first again");
});

test("where WebSocket is blocked and long-poll fails, too, both are tried", async () => {
  const world = newWorld();
  world.storage.setItem("commchannel.blocked https://shop.example/channel", String(world.clock.now() + 60e3));
  connect("/channel", world.options);
  await settled();
  assert.equal(world.sockets.length, 0);
  await world.pending[0].fail();
  await world.clock.advance(2000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.pending.length, 1);
});

test("a blocked WebSocket is tried when the network comes back", async () => {
  const world = newWorld();
  world.storage.setItem("commchannel.blocked https://shop.example/channel", String(world.clock.now() + 600e3));
  connect("/channel", world.options);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.clock.advance(1000);
  assert.equal(world.sockets.length, 0);
  world.window.fire("online");
  await world.clock.advance(500);
  assert.equal(world.sockets.length, 1);
});

test("three lives under a minute without a message lead to long-poll for half an hour", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  for (let i = 1; i <= 3; i++) {
    assert.equal(world.sockets.length, i);
    world.socket.welcome();
    await world.clock.advance(300);
    world.socket.end(1006);
    if (i < 3) await world.nextSocket();
  }
  await world.clock.advance(8e3);
  assert.equal(world.sockets.length, 3);
  await world.asking("ping").answer(welcome, { op: "pong" });
  assert.equal(client.transport, "longpoll");
  assert.equal(world.storage.items.size, 1);
  assert.ok((await world.nextSocket(3600e3)) > 4 * 60e3, "with a new try every 5 min");
});

test("short lives that the gateway ended are no bad sign", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  for (let i = 1; i <= 4; i++) {
    world.socket.welcome();
    world.socket.end(4101);
    await world.nextSocket();
  }
  assert.equal(world.exchanges.length, 0);
});

test("where there is no other transport a blocked WebSocket is tried all the same", async () => {
  const world = newWorld();
  connect("/channel", { ...world.options, transports: ["websocket"] });
  for (let i = 1; i <= 6; i++) {
    world.socket.welcome();
    world.socket.end(1006);
    await world.nextSocket();
  }
});

test("short lives count again after a useful one", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  world.socket.welcome();
  world.socket.say(message(1));
  world.socket.end(1006);
  for (let i = 0; i < 3 && world.storage.items.size === 0; i++) {
    await world.nextSocket();
    world.socket.welcome();
    world.socket.end(1006);
  }
  assert.equal(world.storage.items.size, 1);
});

test("a WebSocket that the gateway closes before its welcome is not blocked", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.open();
  world.socket.end(4101);
  await settled();
  assert.equal(world.exchanges.length, 0);
  assert.equal(client.state, "waiting");
});

test("a welcome forgets the failures before it", async () => {
  const world = newWorld();
  await onLongPoll(world);
  await world.nextSocket();
  await failBeside(world);
  await world.nextSocket();
  world.socket.welcome();
  world.socket.end(1006);
  await world.nextSocket();
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  assert.equal(world.storage.items.size, 0);
  assert.ok((await world.nextSocket()) <= 4000, "and the pauses are short again");
});

test("long-poll goes alone again after it has worked", async () => {
  const world = newWorld();
  world.storage.setItem("commchannel.blocked https://shop.example/channel", String(world.clock.now() + 600e3));
  connect("/channel", world.options);
  await settled();
  await world.pending[0].fail();
  await world.nextSocket();
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "bye", retry: 0 });
  const tried = world.sockets.length;
  await world.clock.advance(500);
  assert.equal(world.pending.length, 1);
  assert.equal(world.sockets.length, tried);
});

test("where both are tried and the WebSocket is welcomed, the long-poll is dropped", async () => {
  const world = newWorld();
  world.storage.setItem("commchannel.blocked https://shop.example/channel", String(world.clock.now() + 600e3));
  const client = connect("/channel", world.options);
  await settled();
  await world.pending[0].fail();
  await world.nextSocket();
  assert.equal(world.pending.length, 1);
  world.socket.welcome();
  assert.equal(world.pending.length, 0);
  assert.equal(client.transport, "websocket");
});

test("a short life that brought a message is no bad sign", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  for (let i = 1; i <= 6; i++) {
    world.socket.welcome();
    world.socket.say(message(i));
    world.socket.end(1006);
    await world.nextSocket();
  }
  assert.equal(world.sockets.length, 7);
  assert.equal(world.exchanges.length, 0);
});

test("a life of a minute is no bad sign", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  for (let i = 1; i <= 6; i++) {
    world.socket.welcome();
    for (let s = 0; s < 60; s += 4) {
      await world.clock.advance(4e3);
      world.socket.say({ op: "pong" });
    }
    world.socket.end(1006);
    await world.nextSocket();
  }
  assert.equal(world.exchanges.length, 0);
});

test("a WebSocket that is useful is not blocked any more", async () => {
  const world = newWorld();
  world.storage.setItem("commchannel.blocked https://shop.example/channel", String(world.clock.now() + 1800e3));
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.clock.advance(0);
  await world.asking("subscribe").answer(welcome, subscribed(1));
  world.window.fire("online");
  await world.clock.advance(500);
  world.socket.welcome();
  assert.equal(world.storage.items.size, 1, "welcome alone proves nothing");
  world.socket.say(subscribed(1, { recovered: true }), message(2));
  assert.equal(world.storage.items.size, 0);
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

test("a silent WebSocket is asked for a word, and dropped without one", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const first = world.socket;
  first.welcome();
  await world.clock.advance(25e3);
  assert.equal(first.of("ping").length, 1);
  first.say({ op: "pong" });
  await world.clock.advance(25e3);
  assert.equal(first.of("ping").length, 2);
  await world.clock.advance(3000);
  assert.ok(first.closed);
  assert.equal(client.state, "waiting");
});

test("after a link was cut silence is borne half as long", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.end(1006);
  await world.clock.advance(2000);
  world.socket.welcome();
  await world.clock.advance(12499);
  assert.equal(world.socket.of("ping").length, 0);
  await world.clock.advance(1);
  assert.equal(world.socket.of("ping").length, 1);
});

test("how long silence is borne is the gateway's word", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  world.socket.welcome({ ping: 60 });
  await world.clock.advance(59999);
  assert.equal(world.socket.of("ping").length, 0);
  await world.clock.advance(1);
  assert.equal(world.socket.of("ping").length, 1);
});

test("silence is borne in full again after a link that lived for long", async () => {
  const world = newWorld();
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.end(1006);
  await world.nextSocket();
  world.socket.welcome();
  for (let s = 0; s <= 600; s += 5) {
    await world.clock.advance(5e3);
    world.socket.say({ op: "pong" });
  }
  world.socket.end(1006);
  await world.nextSocket();
  const last = world.socket;
  last.welcome();
  await world.clock.advance(24e3);
  assert.equal(last.of("ping").length, 0);
});

test("a send without an answer in 5 s has the WebSocket asked for a word", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  await world.clock.advance(10e3);
  for (let s = 0; s < 5; s++) {
    client.channel("room").send("msg", s).catch(() => {}); // more of them don't put it off
    await world.clock.advance(1000);
  }
  assert.equal(world.socket.of("ping").length, 1);
});
