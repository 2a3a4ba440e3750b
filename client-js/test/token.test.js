// Tokens that are fetched.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, sent, settled, subscribed, welcome } from "./fakes.js";
import { channelClient, connect } from "./setup.js";

/**
 * A client whose tokens are t1, t2 and so on, unless `give` has something
 * else: it is called with their number.
 */
async function withTokens(options = {}, give = (n) => "t" + n) {
  const { random, offline, ...rest } = options;
  const world = newWorld({ random });
  world.window.navigator.onLine = !offline;
  const calls = [];
  const errors = [];
  const getToken = (how) => {
    calls.push(how);
    return give(calls.length);
  };
  const client = connect("/channel", { ...world.options, getToken, ...rest });
  client.on("error", (error) => errors.push(error.code));
  const states = [];
  client.on("state", ({ state }) => states.push(state));
  await settled();
  return { world, client, calls, errors, states };
}

const hellos = (world) => world.sockets.flatMap((socket) => socket.of("hello")).map(({ token }) => token);

test("the token is fetched before the first link, and goes into its hello", async () => {
  const world = newWorld();
  let give;
  const getToken = () => new Promise((resolve) => (give = resolve));
  const client = connect("/channel", { ...world.options, getToken });
  await settled();
  assert.equal(world.sockets.length, 0);
  assert.equal(client.state, "connecting");
  give("t1");
  await settled();
  world.socket.welcome();
  assert.deepEqual(hellos(world), ["t1"]);
  assert.equal(client.state, "connected");
});

test("the time that a token takes is not taken from the WebSocket's", async () => {
  const world = newWorld();
  let give;
  connect("/channel", { ...world.options, getToken: () => new Promise((resolve) => (give = resolve)) });
  await world.clock.advance(9000);
  give("t1");
  await settled();
  await world.clock.advance(2499);
  assert.equal(world.exchanges.length, 0);
});

test("a token is kept for the next link", async () => {
  const { world, calls } = await withTokens();
  for (let i = 0; i < 2; i++) {
    world.socket.welcome();
    world.socket.end(1006);
    await world.nextSocket();
  }
  world.socket.welcome();
  assert.equal(calls.length, 1);
  assert.deepEqual(hellos(world), ["t1", "t1", "t1"]);
});

test("a token that is there to begin with is tried first", async () => {
  const { world, calls } = await withTokens({ token: "t0" });
  world.socket.welcome();
  assert.equal(calls.length, 0);
  world.socket.end(4202);
  await world.nextSocket();
  world.socket.welcome();
  assert.deepEqual(hellos(world), ["t0", "t1"]);
});

test("close code 4202 has a new token fetched, and everything goes on", async () => {
  const { world, client, calls, errors, states } = await withTokens();
  const got = gather(client.channel("room"));
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1));
  await world.clock.advance(20e3);
  const promise = client.channel("room").send("msg", 1);
  const first = world.socket.of("send")[0];
  world.socket.end(4202);
  assert.ok((await world.nextSocket()) <= 500, "soon");
  world.socket.welcome();
  assert.deepEqual(hellos(world), ["t1", "t2"]);
  assert.equal(world.socket.of("subscribe")[0].since, "c1");
  assert.deepEqual(world.socket.of("send"), [first]);
  world.socket.say(subscribed(1, { recovered: true }), message(2), sent(first));
  await promise;
  assert.deepEqual(got, [1, 2]);
  assert.equal(calls.length, 2);
  assert.deepEqual(errors, [], "that is the course of things");
  assert.deepEqual(states, ["connected", "waiting", "connecting", "connected"]);
});

for (const ref of [undefined, 7]) {
  test(`an error token_expired ${ref ? "to a request " : ""}has a new token fetched`, async () => {
    const { world, calls, errors } = await withTokens();
    const [old] = world.sockets;
    old.welcome();
    await world.clock.advance(20e3);
    old.say({ op: "error", ref, code: "token_expired", message: "a new token is wanted" });
    assert.ok(old.closed);
    await world.nextSocket();
    world.socket.welcome();
    assert.equal(calls.length, 2);
    assert.deepEqual(hellos(world), ["t1", "t2"]);
    assert.deepEqual(errors, []);
  });
}

test("over long-poll, too, an expired token is followed by a new one", async () => {
  const { world, client, calls, errors } = await withTokens({ transports: ["longpoll"], sendTimeout: 100e3 });
  const got = gather(client.channel("room", { since: "c1" }));
  await settled();
  assert.equal(world.asking("ping").of("hello")[0].token, "t1");
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.clock.advance(25e3);
  await world.asking("subscribe").answer({ op: "error", code: "token_expired", message: "" });
  await world.clock.advance(500);
  assert.equal(world.asking("ping").of("hello")[0].token, "t2");
  await world.asking("ping").answer(welcome, { op: "pong" });
  await world.asking("subscribe").answer(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [2]);
  assert.equal(calls.length, 2);
  assert.deepEqual(errors, []);
});

test("status 401 with token_expired is followed by a new one", async () => {
  const { world, calls } = await withTokens({ transports: ["longpoll"], token: "t0" });
  await world.pending[0].reply(401, { code: "token_expired", message: "" });
  await world.clock.advance(500);
  assert.equal(world.asking("ping").of("hello")[0].token, "t1");
  assert.equal(calls.length, 1);
});

test("new tokens that are refused as expired are fetched at a bearable pace, and told", async () => {
  const { world, calls, errors } = await withTokens({ random: () => 0.999999 });
  const pauses = [];
  for (let i = 0; i < 6; i++) {
    world.socket.open();
    world.socket.end(4202);
    pauses.push(await world.nextSocket());
  }
  assert.deepEqual(pauses, [2000, 4000, 8000, 16000, 20000, 20000]);
  assert.equal(calls.length, 7);
  assert.deepEqual(errors.slice(0, 2), ["token_expired", "token_expired"]);
});

test("a welcome alone does not make the pace quicker", async () => {
  const { world } = await withTokens({ random: () => 0.999999 });
  const pauses = [];
  for (let i = 0; i < 3; i++) {
    world.socket.welcome();
    world.socket.end(4202);
    pauses.push(await world.nextSocket());
  }
  assert.deepEqual(pauses, [2000, 4000, 8000]);
});

test("a token that served for 20 s makes pauses short again", async () => {
  const { world } = await withTokens({ random: () => 0.999999 });
  for (let i = 0; i < 4; i++) {
    world.socket.open();
    world.socket.end(4202);
    await world.nextSocket();
  }
  world.socket.welcome();
  await world.clock.advance(20e3);
  world.socket.end(4202);
  assert.ok((await world.nextSocket()) <= 500);
});

test("a token that is unauthorized is replaced once, then the client is refused", async () => {
  const { world, client, calls, errors } = await withTokens();
  world.socket.open();
  world.socket.say({ op: "error", code: "unauthorized", message: "a bad token" });
  world.socket.end(4201);
  assert.equal(client.state, "waiting");
  await world.nextSocket();
  world.socket.open();
  world.socket.end(4201);
  assert.equal(client.state, "closed");
  assert.equal(calls.length, 2);
  assert.deepEqual(errors, ["unauthorized", "unauthorized"]);
  await world.clock.advance(3600e3);
  assert.equal(world.sockets.length, 2);
  assert.equal(calls.length, 2);
});

test("a token that was welcome and is not any more is replaced, each time", async () => {
  const { world, client, calls, errors } = await withTokens();
  for (let i = 0; i < 3; i++) {
    world.socket.welcome();
    await world.clock.advance(20e3);
    world.socket.end(4201);
    await world.nextSocket();
  }
  world.socket.welcome();
  assert.equal(client.state, "connected");
  assert.equal(calls.length, 4);
  assert.deepEqual(errors, []);
});

test("what a token can't mend ends it", async () => {
  const { world, client, calls, errors } = await withTokens();
  world.socket.welcome();
  const send = client.channel("room").send("msg");
  world.socket.end(4203);
  await assert.rejects(send, { code: "closed" });
  assert.equal(client.state, "closed");
  assert.deepEqual(errors, ["forbidden"]);
  await world.clock.advance(3600e3);
  assert.equal(calls.length, 1);
});

test("a getToken that is rejected is a failed attempt, with an error and a pause", async () => {
  const { world, client, calls, errors, states } = await withTokens({ random: () => 0.999999 }, async (n) => {
    if (n < 4) throw new Error("the shop is closed");
    return "t" + n;
  });
  assert.equal(client.state, "waiting");
  await world.clock.advance(1999);
  assert.equal(calls.length, 1);
  await world.clock.advance(1);
  assert.equal(calls.length, 2);
  await world.clock.advance(4000);
  assert.equal(calls.length, 3);
  await world.clock.advance(8000);
  world.socket.welcome();
  assert.deepEqual(hellos(world), ["t4"]);
  assert.deepEqual(errors, ["no_token", "no_token", "no_token"]);
  assert.equal(states.at(-1), "connected");
});

test("what getToken was rejected with is told", async () => {
  const world = newWorld();
  const client = connect("/channel", {
    ...world.options,
    getToken() {
      throw new Error("the shop is closed");
    },
  });
  const told = [];
  client.on("error", ({ code, message }) => told.push([code, message]));
  await settled();
  assert.deepEqual(told, [["no_token", "the shop is closed"]]);
  client.close();
});

test("a getToken that takes more than 10 s is a failed attempt, and its token comes too late", async () => {
  const late = [];
  const { world, calls, errors } = await withTokens({}, () => new Promise((resolve) => late.push(resolve)));
  await world.clock.advance(10e3);
  assert.deepEqual(errors, ["no_token"]);
  assert.ok(calls[0].signal.aborted);
  late[0]("t1");
  await settled();
  assert.equal(world.sockets.length, 0);
  await world.clock.advance(2000);
  assert.equal(calls.length, 2);
  late[1]("t2");
  await settled();
  world.socket.open();
  assert.deepEqual(hellos(world), ["t2"]);
});

test("a token that is no text is a failed attempt", async () => {
  const { world, errors } = await withTokens({}, () => ({ token: "t1" }));
  assert.deepEqual(errors, ["no_token"]);
  assert.equal(world.sockets.length, 0);
});

test("nothing is no token, and the gateway decides", async () => {
  const { world, errors } = await withTokens({}, () => undefined);
  world.socket.open();
  assert.deepEqual(errors, []);
  assert.ok(!hellos(world)[0]);
});

test("offline no token is fetched, and one is soon after", async () => {
  const { world, calls, client } = await withTokens({ offline: true });
  await world.clock.advance(3600e3);
  assert.equal(calls.length, 0);
  assert.equal(client.state, "waiting");
  world.window.navigator.onLine = true;
  world.window.fire("online");
  await world.clock.advance(500);
  assert.equal(calls.length, 1);
  assert.equal(world.sockets.length, 1);
});

test("a page that goes away gives the token up, and fetches it when it comes back", async () => {
  const late = [];
  const { world, calls, client } = await withTokens({}, () => new Promise((resolve) => late.push(resolve)));
  world.window.fire("pagehide");
  assert.ok(calls[0].signal.aborted);
  assert.equal(client.state, "paused");
  late[0]("t1");
  await world.clock.advance(3600e3);
  assert.equal(world.sockets.length, 0);
  world.window.fire("pageshow", { persisted: true });
  await world.clock.advance(500);
  late[1]("t2");
  await settled();
  world.socket.welcome();
  assert.deepEqual(hellos(world), ["t2"]);
});

test("a page that is away fetches no token, whatever becomes of the network", async () => {
  const { world, calls, client } = await withTokens({}, () => new Promise(() => {}));
  world.window.fire("pagehide");
  world.window.fire("online");
  await world.clock.advance(60e3);
  assert.equal(calls.length, 1);
  assert.equal(client.state, "paused");
});

test("a page that comes back with a token uses it", async () => {
  const { world, calls } = await withTokens();
  world.socket.welcome();
  world.window.fire("pagehide");
  world.window.fire("pageshow", { persisted: true });
  world.socket.welcome();
  assert.equal(calls.length, 1);
  assert.deepEqual(hellos(world), ["t1", "t1"]);
});

test("what is posted on the way out has the token", async () => {
  const { world, client } = await withTokens();
  world.socket.welcome();
  client.channel("room").send("msg", 1).catch(() => {});
  world.window.fire("pagehide");
  await settled();
  assert.equal(world.exchanges[0].of("hello")[0].token, "t1");
});

test("close ends the fetching", async () => {
  const late = [];
  const { world, calls, client, errors, states } = await withTokens({}, () => new Promise((resolve) => late.push(resolve)));
  client.close();
  assert.ok(calls[0].signal.aborted);
  assert.equal(client.state, "closed");
  late[0]("t1");
  await world.clock.advance(3600e3);
  world.window.fire("online");
  world.window.fire("pageshow", { persisted: true });
  await world.clock.advance(3600e3);
  assert.equal(calls.length, 1);
  assert.equal(world.sockets.length, 0);
  assert.deepEqual(errors, []);
  assert.deepEqual(states, ["closed"]);
});

test("a listener may close the client when a token fails", async () => {
  const world = newWorld();
  let calls = 0;
  const client = connect("/channel", { ...world.options, getToken: async () => Promise.reject(new Error(++calls)) });
  client.on("error", () => client.close());
  await settled();
  assert.equal(client.state, "closed");
  await world.clock.advance(3600e3);
  assert.equal(calls, 1);
});

test("the seed's interface takes getToken, too", async () => {
  const world = newWorld();
  new channelClient("room", "me", "/channel/with/token", { ...world.options, getToken: () => "t1" });
  await settled();
  world.socket.welcome();
  assert.deepEqual(hellos(world), ["t1"]);
});
