// How long a silent WebSocket is trusted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newWorld } from "./fakes.js";
import { connect } from "./setup.js";

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

test("each time a WebSocket has spoken, the next send has its 5 s", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const send = () => client.channel("room").send("msg", 1).catch(() => {});
  world.socket.welcome();
  send();
  await world.clock.advance(3000);
  world.socket.say({ op: "pong" });
  await world.clock.advance(1000);
  send();
  await world.clock.advance(4999);
  assert.equal(world.socket.of("ping").length, 0);
  await world.clock.advance(1);
  assert.equal(world.socket.of("ping").length, 1);
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
