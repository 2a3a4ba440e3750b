// Who is there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, settled, stillOpen, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

/** A client on a welcomed WebSocket, and its channel "room". */
function connected() {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  return { world, client, room: client.channel("room") };
}

const join = (clientid) => ({ op: "join", channel: "room", clientid });
const leave = (clientid) => ({ op: "leave", channel: "room", clientid });

test("presence tells who is subscribed, and how many", async () => {
  const { world, room } = connected();
  const promise = room.presence();
  const [{ ref, channel }] = world.socket.of("presence");
  assert.equal(channel, "room");
  await stillOpen(promise);
  world.socket.say({ op: "presence", ref, channel: "room", clients: ["alice", "bob"], count: 700 });
  assert.deepEqual(await promise, { clients: ["alice", "bob"], count: 700 });
  assert.equal(world.socket.of("subscribe").length, 0, "one need not be there oneself");
});

test("over long-poll, too, presence is answered at once", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  const promise = client.channel("room").presence();
  await settled();
  const [{ ref }] = world.asking("presence").of("presence");
  await world.asking("presence").answer(welcome, { op: "presence", ref, channel: "room", clients: [], count: 0 });
  assert.deepEqual(await promise, { clients: [], count: 0 });
});

test("where the gateway keeps no presence it is rejected", async () => {
  const { world, room } = connected();
  const promise = room.presence();
  const [{ ref }] = world.socket.of("presence");
  world.socket.say({ op: "error", ref, code: "forbidden", message: "presence is off" });
  await assert.rejects(promise, { code: "forbidden" });
});

test("presence is asked for again when its connection broke", async () => {
  const { world, room } = connected();
  const promise = room.presence();
  world.socket.end(1006);
  await world.nextSocket();
  world.socket.welcome();
  const [{ ref }] = world.socket.of("presence");
  world.socket.say({ op: "presence", ref, channel: "room", clients: ["bob"], count: 1 });
  assert.deepEqual(await promise, { clients: ["bob"], count: 1 });
});

test("join and leave are told, on the channel and on the client", () => {
  const { world, client, room } = connected();
  const told = [];
  for (const [name, on] of [["channel", room.on], ["client", client.on]]) {
    on("join", (event) => told.push([name, "join", event]));
    on("leave", (event) => told.push([name, "leave", event]));
  }
  gather(room);
  world.socket.say(subscribed(1), join("carol"), leave("carol"));
  const event = { channel: "room", clientID: "carol" };
  assert.deepEqual(told, [
    ["channel", "join", event],
    ["client", "join", event],
    ["channel", "leave", event],
    ["client", "leave", event],
  ]);
  assert.equal(room.cursor, "c1");
});

test("a long-poll that is answered with who came goes on from where it was", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  const room = client.channel("room", { since: "c1" });
  const told = [];
  room.on("join", ({ clientID }) => told.push(clientID));
  const got = gather(room);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.asking("subscribe").answer(join("carol"));
  assert.equal(world.asking("subscribe").of("subscribe")[0].since, "c1");
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual([told, got], [["carol"], [2]]);
});

test("what the gateway says by itself of a crowd is told, in the place of join and leave", () => {
  const { world, client, room } = connected();
  const told = [];
  room.on("presence", (event) => told.push(event));
  client.on("presence", ({ count }) => told.push(count));
  gather(room);
  world.socket.say(subscribed(1), { op: "presence", channel: "room", count: 1001 });
  assert.deepEqual(told, [{ channel: "room", clients: [], count: 1001 }, 1001]);
});

test("an answer to presence() is told nobody else", async () => {
  const { world, room } = connected();
  room.on("presence", () => assert.fail("told"));
  gather(room);
  const promise = room.presence();
  const [{ ref }] = world.socket.of("presence");
  world.socket.say({ op: "presence", ref, channel: "room", clients: ["bob"], count: 1 });
  await promise;
});

test("a channel that is closed tells nobody's coming", () => {
  const { world, room } = connected();
  const told = [];
  room.on("join", (event) => told.push(event));
  gather(room);
  room.close();
  world.socket.say(join("carol"));
  assert.deepEqual(told, []);
});
