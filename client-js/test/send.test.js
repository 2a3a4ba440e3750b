// Sending, and what is owed to a sender.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, newWorld, onLongPoll, sent, settled, stillOpen, welcome } from "./fakes.js";
import { connect } from "./setup.js";

test("send resolves with id and cursor once the gateway has the message", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").send("msg", { any: "JSON" });
  await stillOpen(promise);
  const [frame] = world.socket.of("send");
  assert.deepEqual({ ...frame, ref: 0, id: "" }, {
    op: "send", ref: 0, channel: "room", type: "msg", payload: { any: "JSON" }, id: "",
  });
  world.socket.say(sent(frame, 7));
  assert.deepEqual(await promise, { id: frame.id, cursor: "c7" });
});

test("a message's id can be taken neither for a number, nor for PHP's, nor for the gateway's", async () => {
  for (const random of [() => 0, () => 0.5, () => 0.999999999, Math.random]) {
    const world = newWorld({ random });
    const client = connect("/channel", world.options);
    world.socket.welcome();
    for (let i = 0; i < 40; i++) client.channel("room").send("msg", i).catch(() => {});
    const ids = world.socket.of("send").map((frame) => frame.id);
    assert.equal(new Set(ids).size, 40);
    for (const id of ids) {
      assert.match(id, /^[A-Za-z0-9.~-][A-Za-z0-9._~-]{0,63}$/);
      assert.doesNotMatch(id, /^-?\d+$|^[0-9a-f]{13}$|^g/);
    }
    client.close();
  }
});

test("without a connection a send waits for one, behind the subscriptions", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const promise = client.channel("room").send("msg", 1);
  gather(client.channel("room"));
  world.socket.welcome();
  assert.deepEqual(world.socket.sent.map((frame) => frame.op), ["hello", "subscribe", "send"]);
  world.socket.say(sent(world.socket.of("send")[0]));
  await promise;
});

test("no more sends wait than the queue takes", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, queue: 2 });
  const room = client.channel("room");
  const waiting = [room.send("msg", 1), room.send("msg", 2)];
  await assert.rejects(room.send("msg", 3), { code: "queue_full" });
  world.socket.welcome();
  for (const frame of world.socket.of("send")) world.socket.say(sent(frame));
  await Promise.all(waiting);
  const [last] = [room.send("msg", 4)];
  world.socket.say(sent(world.socket.of("send")[2]));
  await last;
});

test("a send that waits too long is rejected", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["websocket"], sendTimeout: 5000 });
  const promise = client.channel("room").send("msg", 1);
  promise.catch(() => {});
  await world.clock.advance(4999);
  await stillOpen(promise);
  await world.clock.advance(1);
  await assert.rejects(promise, { code: "timeout" });
  world.socket.welcome();
  assert.equal(world.socket.of("send").length, 0);
});

test("no send waits for more than 100 s, since it may not be repeated after 120", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["websocket"], sendTimeout: 3600e3 });
  const promise = client.channel("room").send("msg", 1);
  promise.catch(() => {});
  await world.clock.advance(100e3);
  await assert.rejects(promise, { code: "timeout" });
});

test("a send that was not acknowledged goes out once more with the same id", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").send("msg", 1);
  const [first] = world.socket.of("send");
  world.socket.end(1006);
  await world.clock.advance(2000);
  world.socket.welcome();
  const [second] = world.socket.of("send");
  assert.deepEqual(second, first);
  world.socket.say(sent(second));
  assert.equal((await promise).id, first.id);
});

test("a send that was acknowledged does not go out again", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").send("msg", 1);
  world.socket.say(sent(world.socket.of("send")[0]));
  await promise;
  world.socket.end(1006);
  await world.clock.advance(2000);
  world.socket.welcome();
  assert.equal(world.socket.of("send").length, 0);
});

test("a send whose link broke twice is rejected", async () => {
  const world = newWorld();
  const client = connect("/channel", { ...world.options, transports: ["websocket"] });
  world.socket.welcome();
  const promise = client.channel("room").send("msg", 1);
  promise.catch(() => {});
  for (let i = 0; i < 2; i++) {
    world.socket.end(1006);
    await world.clock.advance(4000);
    world.socket.welcome();
  }
  assert.equal(world.socket.of("send").length, 0);
  await assert.rejects(promise, { code: "unconfirmed" });
});

test("a WebSocket that takes over from a long-poll has not broken it", async () => {
  const world = newWorld();
  const client = await onLongPoll(world);
  const promise = client.channel("room").send("msg", 1);
  await settled();
  const [{ id }] = world.asking("send").of("send");
  await world.asking("send").fail();
  await world.nextSocket();
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome);
  assert.equal(world.asking("send").of("send")[0].id, id, "once more");
  await world.nextSocket();
  world.socket.welcome();
  const again = world.socket.of("send");
  assert.deepEqual(again.map((frame) => frame.id), [id], "and where it may not have arrived");
  world.socket.say(sent(again[0], 7));
  assert.equal((await promise).cursor, "c7");
});

test("nothing is repeated when its time is over, even if the machine slept", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").send("msg", 1);
  promise.catch(() => {});
  world.window.fire("pagehide");
  world.clock.sleep(3600e3);
  world.window.fire("pageshow", { persisted: true });
  world.socket.welcome();
  assert.equal(world.socket.of("send").length, 0);
  await assert.rejects(promise, { code: "timeout" });
});

test("sends keep their order over a change of transport", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const room = client.channel("room");
  for (const n of [1, 2, 3]) room.send("msg", n).catch(() => {});
  world.socket.end(1006);
  await settled();
  await world.asking("ping").answer(welcome, { op: "pong" });
  assert.deepEqual(world.asking("send").of("send").map((frame) => frame.payload), [1, 2, 3]);
  room.send("msg", 4).catch(() => {});
  await world.clock.advance(5000);
  world.socket.welcome();
  assert.deepEqual(world.socket.of("send").map((frame) => frame.payload), [1, 2, 3, 4]);
});

test("what the gateway refuses is told to the sender", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.channel("room").send("msg", 1);
  const { ref } = world.socket.of("send")[0];
  world.socket.say({ op: "error", ref, code: "rate_limited", message: "slower, please" });
  await assert.rejects(promise, { code: "rate_limited", message: "slower, please" });
});

test("a message beyond the gateway's bound is refused without being sent", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome({ max_message: 20 });
  await assert.rejects(client.channel("room").send("msg", "é".repeat(10)), { code: "too_large" });
  assert.equal(world.socket.of("send").length, 0);
  client.channel("room").send("msg", "é".repeat(9)).catch(() => {});
  assert.equal(world.socket.of("send").length, 1);
});

test("half a surrogate pair is replaced, since it is no Unicode", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const payload = { text: "cut \u{1f600}".slice(0, 5), whole: "\u{1f600}", written: "\\ud83d", none: null, n: 1 };
  client.channel("room").send("msg", payload).catch(() => {});
  assert.deepEqual(world.socket.of("send")[0].payload, { ...payload, text: "cut \ufffd" });
});

test("what is sent is what was passed, whatever becomes of it later", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  const payload = { n: 1 };
  client.channel("room").send("msg", payload).catch(() => {});
  payload.n = 2;
  world.socket.welcome();
  assert.deepEqual(world.socket.of("send")[0].payload, { n: 1 });
});

test("a payload that JSON can't say is refused", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  await assert.rejects(client.channel("room").send("msg", 1n), TypeError);
});

test("send without a payload sends null", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  client.channel("room").send("msg").catch(() => {});
  assert.equal(world.socket.of("send")[0].payload, null);
});

test("a ping tells the time to the gateway and back", async () => {
  const world = newWorld();
  const client = connect("/channel", world.options);
  world.socket.welcome();
  const promise = client.ping();
  await world.clock.advance(42);
  const [{ ref }] = world.socket.of("ping");
  world.socket.say({ op: "pong", ref });
  assert.equal(await promise, 42);
});
