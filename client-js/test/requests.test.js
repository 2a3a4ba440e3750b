// Requests: messages that wait for their answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, newWorld, sent, settled, stillOpen, subscribed, welcome } from "./fakes.js";
import { connect } from "./setup.js";

/** A client on a welcomed WebSocket, whose channel "room" is subscribed to. */
function inRoom() {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const room = client.channel("room");
  room.open();
  world.socket.welcome();
  world.socket.say(subscribed(0));
  return { world, client, room };
}

/** The newest message that was sent. */
const question = (world) => world.socket.of("send").at(-1);

/** Brings a client whose WebSocket has ended onto a new one. */
async function comeBack(world) {
  await world.nextSocket();
  world.socket.welcome();
}

test("a request resolves with the first message that answers it", async () => {
  const { world, room } = inRoom();
  const promise = room.request("question", { any: "JSON" });
  const frame = question(world);
  assert.deepEqual([frame.channel, frame.type, frame.payload], ["room", "question", { any: "JSON" }]);
  world.socket.say(sent(frame), message(2), message(3, { reply_to: "another" }));
  await stillOpen(promise);
  world.socket.say(message(4, { type: "answer", reply_to: frame.id }), message(5, { reply_to: frame.id }));
  const { type, payload, from } = await promise;
  assert.deepEqual([type, payload, from], ["answer", 4, "bob"]);
});

test("an answer that comes before the acknowledgement counts", async () => {
  const { world, room } = inRoom();
  const promise = room.request("question");
  world.socket.say(message(1, { reply_to: question(world).id }), sent(question(world)));
  assert.equal((await promise).payload, 1);
});

test("each request gets its own answer", async () => {
  const { world, room } = inRoom();
  const promises = [1, 2, 3].map((n) => room.request("question", n));
  for (const { id, payload } of world.socket.of("send").reverse()) world.socket.say(message(payload, { reply_to: id }));
  assert.deepEqual((await Promise.all(promises)).map((m) => m.payload), [1, 2, 3]);
});

test("callbacks get an answer, too", async () => {
  const { world, room } = inRoom();
  const got = gather(room);
  const promise = room.request("question");
  world.socket.say(message(1, { reply_to: question(world).id }));
  await promise;
  assert.deepEqual(got, [1]);
});

test("a request subscribes, and is sent once it is subscribed", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").request("question");
  assert.equal(world.socket.of("subscribe").length, 1);
  assert.equal(world.socket.of("send").length, 0);
  world.socket.say(subscribed(0));
  world.socket.say(message(1, { reply_to: question(world).id }));
  await promise;
  assert.equal(world.socket.of("unsubscribe").length, 0, "and stays so");
});

test("a request on a channel that has a place is sent right behind its subscription", () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  client.channel("room", { since: "c7" }).request("question").catch(() => {});
  assert.deepEqual(world.socket.sent.map(({ op }) => op), ["hello", "subscribe", "send"]);
});

test("over long-poll, too, a request is sent when its answer can't be missed", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["longpoll"] });
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  const promise = client.channel("room").request("question");
  await settled();
  assert.equal(world.pending.length, 1);
  assert.equal(world.asking("subscribe").of("send").length, 0);
  await world.asking("subscribe").answer(welcome, subscribed(0));
  const [frame] = world.asking("send").of("send");
  await world.asking("send").answer(welcome, sent(frame));
  await world.asking("subscribe").answer(subscribed(0, { recovered: true }), message(1, { reply_to: frame.id }));
  assert.equal((await promise).payload, 1);
});

test("a request without an answer in 10 s is rejected", async () => {
  const { world, room } = inRoom();
  const promise = room.request("question");
  world.socket.say(sent(question(world)));
  await world.clock.advance(9999);
  await stillOpen(promise);
  const rejected = assert.rejects(promise, { code: "timeout" });
  await world.clock.advance(1);
  await rejected;
});

test("how long a request waits is the caller's word", async () => {
  const { world, room } = inRoom();
  const [long, forever] = [20e3, Infinity].map((timeout) => room.request("question", null, { timeout }));
  world.socket.say(...world.socket.of("send").map((frame) => sent(frame)));
  const rejected = assert.rejects(long, { code: "timeout" });
  for (let s = 0; s < 20; s += 5) {
    await stillOpen(long);
    await world.clock.advance(5e3);
    world.socket.say({ op: "pong" });
  }
  await rejected;
  await stillOpen(forever);
});

test("a request that timed out before it was sent is not sent any more", async () => {
  for (const subscribedBefore of [false, true]) {
    const world = newWorld();
    const client = connect("/channel", { ...world.options, transports: ["websocket"] });
    const room = client.channel("room", subscribedBefore ? { since: "c1" } : {});
    const rejected = assert.rejects(room.request("question", 1, { timeout: 100 }), { code: "timeout" });
    await world.clock.advance(100);
    await rejected;
    world.socket.welcome();
    world.socket.say(subscribed(1));
    assert.equal(world.socket.of("send").length, 0);
  }
});

test("a request survives a reconnect, and its answer comes by the cursor", async () => {
  const { world, room } = inRoom();
  const promise = room.request("question");
  const { id } = question(world);
  world.socket.say(sent(question(world)));
  world.socket.end(1006);
  await comeBack(world);
  assert.equal(world.socket.of("send").length, 0, "what was acknowledged is not sent again");
  assert.equal(world.socket.of("subscribe")[0].since, "c0");
  world.socket.say(subscribed(0, { recovered: true }), message(2, { reply_to: id }));
  assert.equal((await promise).payload, 2);
});

test("a request that was not acknowledged is sent again under its id", async () => {
  const { world, room } = inRoom();
  const promise = room.request("question");
  const first = question(world);
  world.socket.end(1006);
  await comeBack(world);
  assert.deepEqual(question(world), first);
  world.socket.say(message(2, { reply_to: first.id }));
  await promise;
});

test("a request made without a connection waits for one", async () => {
  const { world, room } = inRoom();
  world.socket.end(1006);
  const promise = room.request("question");
  await comeBack(world);
  assert.deepEqual(world.socket.sent.map(({ op }) => op), ["hello", "subscribe", "send"]);
  world.socket.say(message(1, { reply_to: question(world).id }));
  await promise;
});

test("a signal ends a request with its reason", async () => {
  const { room, world } = inRoom();
  const abort = new AbortController();
  const promise = room.request("question", null, { signal: abort.signal });
  const { id } = question(world);
  abort.abort(new Error("enough"));
  await assert.rejects(promise, { message: "enough" });
  world.socket.say(message(1, { reply_to: id })); // is nobody's answer
});

test("a request whose signal is aborted already is not sent", async () => {
  const { room, world } = inRoom();
  const promise = room.request("question", null, { signal: AbortSignal.abort() });
  await assert.rejects(promise, { name: "AbortError" });
  assert.equal(world.socket.of("send").length, 0);
});

test("a request that was aborted without a connection is not sent any more", async () => {
  const { room, world } = inRoom();
  world.socket.end(1006);
  const abort = new AbortController();
  const rejected = assert.rejects(room.request("question", null, { signal: abort.signal }), { name: "AbortError" });
  await settled();
  abort.abort();
  await rejected;
  await comeBack(world);
  assert.equal(world.socket.of("send").length, 0);
});

test("a request is rejected with what the gateway refuses its message with", async () => {
  const { room, world } = inRoom();
  const promise = room.request("question");
  world.socket.say({ op: "error", ref: question(world).ref, code: "rate_limited", message: "slower, please" });
  await assert.rejects(promise, { code: "rate_limited", message: "slower, please" });
});

test("a request is rejected with what the gateway refuses its subscription with", async (t) => {
  const log = t.mock.method(console, "error", () => {});
  const world = newWorld();
  const room = connect("/channel", world.options).channel("room");
  world.socket.welcome();
  const promise = room.request("question");
  world.socket.say({ op: "error", ref: world.socket.of("subscribe")[0].ref, code: "forbidden", message: "not yours" });
  await assert.rejects(promise, { code: "forbidden" });
  assert.equal(world.socket.of("send").length, 0);
  assert.equal(log.mock.callCount(), 0, "the caller was told");
});

test("a request waits for a subscription that is refused for now", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  client.on("error", () => {});
  world.socket.welcome();
  const promise = client.channel("room").request("question", null, { timeout: 60e3 });
  world.socket.say({ op: "error", ref: world.socket.of("subscribe")[0].ref, code: "unavailable", message: "the store" });
  await world.clock.advance(16e3);
  world.socket.say(subscribed(0));
  world.socket.say(message(1, { reply_to: question(world).id }));
  await promise;
});

test("close rejects a channel's requests, and a client's", async () => {
  const { client, room } = inRoom();
  const first = assert.rejects(room.request("question"), { code: "closed" });
  room.close();
  await first;
  const second = assert.rejects(room.request("question"), { code: "closed" });
  client.close();
  await second;
  await assert.rejects(room.request("question"), { code: "closed" });
});

test("a gateway that ends the connection for good rejects requests with its reason", async () => {
  const { client, room, world } = inRoom();
  client.on("error", () => {});
  const promise = room.request("question");
  world.socket.say(sent(question(world)));
  world.socket.end(4203);
  await assert.rejects(promise, { code: "forbidden" });
});

test("reply answers a message that did not come by a callback", async () => {
  const { room, world } = inRoom();
  room.reply(message(7), "answer", 42).catch(() => {});
  const { type, payload, reply_to } = question(world);
  assert.deepEqual([type, payload, reply_to], ["answer", 42, "m7"]);
});
