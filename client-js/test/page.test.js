// The life of the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

test("pagehide closes the WebSocket", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  world.window.fire("pagehide");
  assert.ok(world.socket.closed);
  assert.equal(client.state, "paused");
  await world.clock.advance(60e3);
  assert.equal(world.sockets.length, 1);
});

test("pagehide aborts the poll", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  gather(client.channel("room", { since: "c1" }));
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  const held = world.asking("subscribe");
  world.window.fire("pagehide");
  assert.ok(held.aborted);
  await world.clock.advance(60e3);
  assert.equal(world.pending.length, 0);
});

test("a page that comes back out of the cache resumes", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  gather(client.channel("room"));
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1));
  world.window.fire("pagehide");
  world.window.fire("pageshow", { persisted: true });
  assert.equal(world.sockets.length, 2);
  world.socket.welcome();
  assert.equal(client.state, "connected");
  assert.equal(world.socket.of("subscribe")[0].since, "c1");
});

test("the pageshow of a page's first load changes nothing", async () => {
  const world = newWorld();
  connect("/channel", { ...world.options, transports: ["websocket"] });
  world.socket.end(1006);
  world.window.fire("pageshow", { persisted: false });
  assert.equal(world.sockets.length, 1);
});

test("what is not acknowledged is posted when the page goes away", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").send("msg", 1);
  world.window.fire("pagehide");
  await settled();
  const [post] = world.exchanges;
  assert.equal(post.init.keepalive, true);
  assert.equal(post.url, "https://shop.example/channel");
  assert.deepEqual(post.frames.map((frame) => frame.op), ["hello", "send"]);
  assert.deepEqual(post.frames[1], world.socket.of("send")[0], "with the same id");

  const { ref, id } = post.frames[1];
  await post.answer(welcome, { op: "sent", ref, channel: "room", id, cursor: "c1" });
  assert.deepEqual(await promise, { id, cursor: "c1" });
});

test("a send in the page's last moment is posted at once", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  world.window.fire("pagehide");
  client.channel("room").send("msg", "bye").catch(() => {});
  await settled();
  assert.equal(world.exchanges.length, 1);
  assert.equal(world.exchanges[0].of("send")[0].payload, "bye");
});

test("what is posted on the way out is bounded", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  for (let i = 0; i < 100; i++) client.channel("room").send("msg", "é".repeat(1000)).catch(() => {});
  await settled();
  world.window.fire("pagehide");
  await settled();
  assert.ok(world.exchanges[0].of("send").length > 20);
  assert.ok(Buffer.byteLength(world.exchanges[0].init.body) < 65536);
});

test("a page that is seen again asks its link for a word, with a deadline of 3 s", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  world.document.visibilityState = "hidden";
  world.document.fire("visibilitychange");
  assert.equal(world.socket.of("ping").length, 0);
  world.document.visibilityState = "visible";
  world.document.fire("visibilitychange");
  assert.equal(world.socket.of("ping").length, 1);
  await world.clock.advance(2999);
  assert.equal(client.state, "connected");
  await world.clock.advance(1);
  assert.ok(world.socket.closed);
  await world.clock.advance(2000);
  assert.equal(world.sockets.length, 2);
});

test("a link that answers in time is kept", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  world.document.fire("visibilitychange");
  world.socket.say({ op: "pong" });
  await world.clock.advance(10e3);
  assert.equal(client.state, "connected");
});

for (const [target, type] of [["window", "online"], ["document", "resume"]]) {
  test(`${type} asks the link for a word`, async () => {
    const world = newWorld();
    connect("/channel", world.options);
    world.socket.welcome();
    world[target].fire(type);
    assert.equal(world.socket.of("ping").length, 1);
  });
}

test("a long-poll is asked for a word, too", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  gather(client.channel("room", { since: "c1" }));
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  world.document.fire("visibilitychange");
  await world.clock.advance(3000);
  assert.equal(client.state, "waiting");
  assert.equal(world.pending.length, 0);
});

test("what a long-poll holds is asked for anew, since it may have died unnoticed", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  const got = gather(client.channel("room", { since: "c1" }));
  await settled();
  await world.asking("ping").answer(welcome);
  const dead = world.asking("subscribe");
  world.window.fire("online");
  await settled();
  assert.ok(dead.aborted);
  await world.asking("ping").answer(welcome, { op: "pong", ref: -1 });
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [2]);
  assert.equal(client.state, "connected");
});

test("what asks for a word has a ref, since nothing else is answered", async () => {
  for (const transport of ["websocket", "longpoll"]) {
    const world = newWorld();
    connect("/channel", { ...world.options, transports: [transport] });
    await settled();
    if (transport === "websocket") world.socket.welcome();
    else await world.asking("ping").answer(welcome);
    world.window.fire("online");
    await settled();
    const [ping] = (world.socket ?? world.asking("ping")).of("ping");
    assert.ok(ping.ref, transport);
  }
});

test("somebody who looks at the page does not wait for the end of a long pause", async () => {
  const world = newWorld();
  connect("/channel", { ...world.options, transports: ["websocket"] });
  for (let i = 0; i < 6; i++) {
    world.socket.end(1006);
    await world.nextSocket();
  }
  world.socket.end(1006);
  const tried = world.sockets.length;
  world.document.fire("visibilitychange");
  await world.clock.advance(500);
  assert.equal(world.sockets.length, tried + 1);
});

test("nothing keeps the page out of the back-forward cache", () => {
  const world = newWorld();
  connect("/channel", world.options);
  assert.deepEqual([...world.window.listened].sort(), ["online", "pagehide", "pageshow"]);
});

test("storage that throws is done without", async () => {
  const storage = {
    getItem() {
      throw new Error("forbidden");
    },
    setItem() {
      throw new Error("full");
    },
    removeItem() {
      throw new Error("forbidden");
    },
  };
  const world = newWorld({ storage });
  const client = connect("/channel", world.options);
  for (let i = 0; i < 3; i++) {
    world.socket.welcome();
    world.socket.end(1006);
    if (i < 2) await world.nextSocket();
  }
  await world.clock.advance(8e3);
  await world.asking("ping").answer(welcome, { op: "pong" });
  assert.equal(client.transport, "longpoll");
});
