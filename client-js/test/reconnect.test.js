// Coming back: how soon, and when not at all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, settled, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

/** The pauses before n attempts that all fail, with a random that is constant. */
async function pauses(random, n) {
  const world = newWorld({ random: () => random });
  connect("/channel", { ...world.options, transports: ["websocket"] });
  const found = [];
  for (let i = 0; i < n; i++) {
    world.socket.end(1006);
    found.push(await world.nextSocket());
  }
  return found;
}

test("pauses have full jitter from half a second to 2, 4, 8, 16, and 20 s", async () => {
  assert.deepEqual(await pauses(0, 6), [500, 500, 500, 500, 500, 500]);
  assert.deepEqual(await pauses(0.999999, 6), [2000, 4000, 8000, 16000, 20000, 20000]);
});

test("a connection that brought a message makes pauses short again", async () => {
  const world = newWorld({ random: () => 0.999999 });
  const client = connect("/channel", { ...world.options, transports: ["websocket"] });
  gather(client.channel("room"));
  for (let i = 0; i < 4; i++) {
    world.socket.end(1006);
    await world.nextSocket();
  }
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1));
  world.socket.end(1006);
  const tried = world.sockets.length;
  await world.clock.advance(2000);
  assert.equal(world.sockets.length, tried + 1);
});

test("a gateway that welcomes and then fails is left alone longer and longer", async () => {
  const world = newWorld({ random: () => 0.999999 });
  connect("/channel", { ...world.options, transports: ["websocket"] });
  for (let i = 0; i < 3; i++) {
    world.socket.welcome();
    world.socket.end(4101);
    await world.nextSocket();
  }
  world.socket.welcome();
  world.socket.end(4101);
  assert.ok((await world.nextSocket()) > 15e3);
});

test("the gateway's word on when to come back goes first", async () => {
  const world = newWorld({ random: () => 0 });
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.say({ op: "bye", reason: "draining", retry: 1500 });
  world.socket.end(4000);
  await world.clock.advance(1549);
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(1);
  assert.equal(world.sockets.length, 2);
});

test("the gateway's word holds when the page is looked at meanwhile", async () => {
  const world = newWorld({ random: () => 0 });
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.say({ op: "bye", reason: "draining", retry: 1500 });
  world.socket.end(4000);
  world.document.fire("visibilitychange");
  await world.clock.advance(1549);
  assert.equal(world.sockets.length, 1);
});

test("close codes from 4000 to 4099 bring it back at once, with jitter", async () => {
  const world = newWorld({ random: () => 0.999999 });
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.end(4000);
  assert.equal(world.sockets.length, 1, "never without delay");
  await world.clock.advance(500);
  assert.equal(world.sockets.length, 2);
});

test("the gateway's word holds once", async () => {
  const world = newWorld({ random: () => 0 });
  connect("/channel", { ...world.options, transports: ["websocket"] });
  world.socket.welcome();
  world.socket.say({ op: "bye", reason: "draining", retry: 5000 });
  world.socket.end(4000);
  assert.equal(await world.nextSocket(), 5050);
  world.socket.end(1006);
  assert.equal(await world.nextSocket(), 500);
});

test("a gateway that sends everybody away again and again is left alone for longer", async () => {
  const world = newWorld({ random: () => 0.999999 });
  connect("/channel", { ...world.options, transports: ["websocket"] });
  world.socket.welcome();
  world.socket.end(4000);
  assert.equal(await world.nextSocket(), 500);
  world.socket.welcome();
  world.socket.end(4000);
  assert.equal(await world.nextSocket(), 4000);
});

test("a link that lasted a minute makes pauses short again", async () => {
  const world = newWorld({ random: () => 0.999999 });
  connect("/channel", { ...world.options, transports: ["websocket"] });
  for (let i = 0; i < 4; i++) {
    world.socket.end(1006);
    await world.nextSocket();
  }
  world.socket.welcome();
  for (let s = 0; s < 60; s += 5) {
    await world.clock.advance(5e3);
    world.socket.say({ op: "pong" });
  }
  world.socket.end(1006);
  assert.equal(await world.nextSocket(), 2000);
});

test("close codes from 4100 to 4199 bring it back after a pause", async () => {
  const world = newWorld({ random: () => 0.999999 });
  connect("/channel", world.options);
  world.socket.welcome();
  world.socket.end(4100);
  await world.clock.advance(1999);
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(1);
  assert.equal(world.sockets.length, 2);
});

for (const [code, name] of [
  [4200, "bad_frame"],
  [4201, "unauthorized"],
  [4202, "token_expired"],
  [4203, "forbidden"],
  [4204, "too_many_connections"],
  [4250, "closed"],
]) {
  test(`close code ${code} ends it, and the application is told: ${name}`, async () => {
    const world = newWorld();
    const client = connect("/channel", world.options);
    const errors = [];
    client.on("error", (error) => errors.push(error.code));
    world.socket.welcome();
    const send = client.channel("room").send("msg");
    world.socket.end(code);
    await assert.rejects(send, { code: "closed" });
    assert.deepEqual(errors, [name]);
    assert.equal(client.state, "closed");
    await world.clock.advance(3600e3);
    assert.equal(world.sockets.length, 1);
    await assert.rejects(client.channel("room").send("msg"), { code: "closed" });
  });
}

test("a refusal before the welcome ends it, too", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const errors = [];
  client.on("error", (error) => errors.push(error.code));
  world.socket.open();
  world.socket.end(4201);
  await settled();
  assert.equal(client.state, "closed");
  assert.deepEqual(errors, ["unauthorized"]);
  assert.equal(world.exchanges.length, 0);
});

for (const [status, code, name] of [
  [401, "unauthorized", "unauthorized"],
  [401, "token_expired", "token_expired"],
  [403, "forbidden", "forbidden"],
]) {
  test(`status ${status} with ${code} on a long-poll ends it`, async () => {
    const world = newWorld();
    const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
    const errors = [];
    client.on("error", (error) => errors.push(error.code));
    await settled();
    await world.pending[0].reply(status, { code, message: "no" });
    assert.equal(client.state, "closed");
    assert.deepEqual(errors, [name]);
  });
}

test("an error without a ref in a long-poll's answer ends it if it is about the client", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  const errors = [];
  client.on("error", (error) => errors.push(error.code));
  await settled();
  await world.pending[0].answer({ op: "error", code: "bad_client", message: "no" });
  assert.equal(client.state, "closed");
  assert.deepEqual(errors, ["bad_client"]);
});

test("an answer that the request was bad does not end it", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  await settled();
  await world.pending[0].reply(408, { code: "bad_frame", message: "the body did not come in time" });
  assert.equal(client.state, "waiting");
});

test("a status that may pass brings it back after a pause", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  await settled();
  await world.pending[0].reply(503, { code: "unavailable", message: "stopping" });
  assert.equal(client.state, "waiting");
  await world.clock.advance(2000);
  assert.equal(world.pending.length, 1);
});

test("an answer that is not JSON brings it back after a pause", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  await settled();
  world.pending[0].resolve(new Response("<html>Please log in</html>"));
  await settled();
  assert.equal(client.state, "waiting");
});

test("there are no attempts while offline, and one soon after", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  world.window.navigator.onLine = false;
  world.socket.end(1006);
  await world.clock.advance(3600e3);
  assert.equal(world.sockets.length, 1);
  assert.equal(client.state, "waiting");

  world.window.navigator.onLine = true;
  world.window.fire("online");
  await world.clock.advance(500);
  assert.equal(world.sockets.length, 2);
});
