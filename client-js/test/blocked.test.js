// Networks that let no WebSocket through, or not for long.

import assert from "node:assert/strict";
import { test } from "node:test";
import { failBeside, gather, message, newWorld, onLongPoll, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

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

test("a blocked WebSocket is tried when the network comes back, even if long-poll broke with it", async () => {
  const world = newWorld();
  world.storage.setItem("commchannel.blocked https://shop.example/channel", String(world.clock.now() + 600e3));
  const client = connect("/channel", world.options);
  gather(client.channel("room", { since: "c1" }));
  await settled();
  await world.asking("ping").answer(welcome);
  await world.asking("subscribe").fail();
  assert.equal(client.state, "waiting");
  world.window.fire("online");
  await world.clock.advance(500);
  assert.equal(world.sockets.length, 1);
  await world.asking("ping").answer(welcome);
  world.socket.welcome();
  assert.equal(client.transport, "websocket");
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
  await world.clock.advance(5000);
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
  await world.clock.advance(world.clock.untilNext);
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
    await world.clock.advance(5000);
    world.socket.say(message(i));
    world.socket.end(1006);
    await world.nextSocket();
  }
  assert.equal(world.sockets.length, 7);
  assert.equal(world.exchanges.length, 0);
});

test("three lives of a moment lead to long-poll even if they brought messages", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  for (let i = 1; i <= 3; i++) {
    world.socket.welcome();
    world.socket.say(message(i));
    await world.clock.advance(300);
    world.socket.end(1006);
    if (i < 3) await world.nextSocket();
  }
  assert.equal(world.storage.items.size, 1);
  await world.clock.advance(2000);
  assert.equal(world.sockets.length, 3);
  await world.asking("ping").answer(welcome);
  assert.equal(client.transport, "longpoll");
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
  assert.equal(world.storage.items.size, 1, "nor does what comes at once");
  await world.clock.advance(5000);
  world.socket.say(message(3));
  assert.deepEqual([...world.storage.items.values()], ["0"]);
});
