// The seed's interface.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message, newWorld, settled, subscribed } from "./fakes.js";
import { channelClient } from "./setup.js";

let pages = 0;

/** A page of its own: another URL, so that no connection is shared with another test. */
function newPage(options = {}) {
  const world = newWorld();
  const url = `/channel/${++pages}`;
  const open = (name, clientID) => new channelClient(name, clientID, url, { ...world.options, ...options });
  return { world, url, open };
}

test("a page written for the seed's README works", () => {
  const { world, open } = newPage();
  const said = [];
  const clientID = 123456;
  const channel = open("testchannel", clientID);
  channel.register("msg", (m) => said.push(m.from + " said: " + m.payload));
  channel.send("msg", "Hello there!").catch(() => {});

  world.socket.welcome();
  assert.equal(world.socket.of("hello")[0].clientid, "123456");
  assert.equal(world.socket.of("subscribe")[0].channel, "testchannel");
  assert.equal(world.socket.of("send")[0].payload, "Hello there!");
  world.socket.say(
    subscribed(0, { channel: "testchannel" }),
    message(1, { channel: "testchannel", from: "123456" }),
    message(2, { channel: "testchannel", from: "7", payload: "Hi" }),
  );
  assert.deepEqual(said, ["7 said: Hi"]);
});

test("callbacks get a function that sends a reply", () => {
  const { world, open } = newPage();
  open("room", "me").register("msg", (m, reply) => void reply("answer", "yes").catch(() => {}));
  world.socket.welcome();
  world.socket.say(message(1));
  assert.deepEqual([world.socket.of("send")[0].type, world.socket.of("send")[0].reply_to], ["answer", "m1"]);
});

test("payloadOnly gives callbacks the payload in the place of the message", () => {
  const { world, open } = newPage({ payloadOnly: true });
  const got = [];
  open("room", "me").register("msg", (payload) => got.push(payload));
  world.socket.welcome();
  world.socket.say(message(5));
  assert.deepEqual(got, [5]);
});

test("there is one handler for each type, and handlers may be set by hand", (t) => {
  const log = t.mock.method(console, "error", () => {});
  const { world, open } = newPage();
  const channel = open("room", "me");
  const got = [];
  channel.register("msg", () => got.push("first"));
  channel.register("msg", () => got.push("second"));
  channel.handlers.other = () => got.push("by hand");
  world.socket.welcome();
  world.socket.say(message(1), message(2, { type: "other" }), message(3, { type: "valueOf" }));
  assert.deepEqual(got, ["second", "by hand"]);
  assert.equal(log.mock.callCount(), 0, "what every object has is no handler");
});

test("onmessage gets every message, before its handler", () => {
  const { world, open } = newPage();
  const channel = open("room", "me");
  const got = [];
  channel.register("msg", () => got.push("handler"));
  channel.onmessage = (m) => got.push(m.type);
  world.socket.welcome();
  world.socket.say(message(1), message(2, { type: "unknown" }));
  assert.deepEqual(got, ["msg", "handler", "unknown"]);
});

test("an onmessage that throws does not stop the handler", (t) => {
  t.mock.method(console, "error", () => {});
  const { world, open } = newPage();
  const channel = open("room", "me");
  const got = [];
  channel.onmessage = () => {
    throw new Error("fault");
  };
  channel.register("msg", (m) => got.push(m.payload));
  world.socket.welcome();
  world.socket.say(message(1));
  assert.deepEqual(got, [1]);
});

test("stopPolling ends listening, startPolling goes on where it ended", () => {
  const { world, open } = newPage();
  const channel = open("room", "me");
  const got = [];
  channel.register("msg", (m) => got.push(m.payload));
  world.socket.welcome();
  world.socket.say(subscribed(0), message(1));
  const { stopPolling, startPolling } = channel; // they may be handed on
  stopPolling();
  assert.equal(world.socket.of("unsubscribe").length, 1);
  channel.send("msg", "still works").catch(() => {});
  assert.equal(world.socket.of("send").length, 1);
  startPolling(500);
  startPolling(500);
  assert.deepEqual(world.socket.of("subscribe").map((frame) => frame.since), [undefined, "c1"]);
  world.socket.say(subscribed(1, { recovered: true }), message(2));
  assert.deepEqual(got, [1, 2]);
});

test("poll calls back when the gateway was heard of", async () => {
  const { world, open } = newPage();
  const channel = open("room", "me");
  let called = 0;
  channel.poll(() => called++);
  world.socket.welcome();
  assert.equal(called, 0);
  world.socket.say({ op: "pong", ref: world.socket.of("ping")[0].ref });
  await settled();
  assert.equal(called, 1);
});

test("getChannelID gives the channel's name", () => {
  const { open } = newPage();
  assert.equal(open("room", "me").getChannelID(), "room");
});

test("getIP calls back with the address", async () => {
  let asked;
  const { open, url } = newPage({
    fetch: async (target) => {
      asked = target;
      return new Response("192.0.2.7");
    },
  });
  const ip = await new Promise((resolve) => open("room", "me").getIP(resolve));
  assert.equal(asked, url + "?getIP=1");
  assert.equal(ip, "192.0.2.7");
});

test("all channels of a page share one connection", () => {
  const { world, open } = newPage();
  open("one", 1);
  open("two", 1);
  assert.equal(world.sockets.length, 1);
  world.socket.welcome();
  assert.deepEqual(world.socket.of("subscribe").map((frame) => frame.channel), ["one", "two"]);
  open("three", 2);
  assert.equal(world.sockets.length, 2, "another client id is another client");
});

test("what fails is written down, and no promise is left unhandled", async (t) => {
  const log = t.mock.method(console, "error", () => {});
  const { world, open } = newPage();
  const channel = open("room", "me");
  world.socket.welcome();
  channel.send("msg", 1);
  world.socket.say({ op: "error", ref: world.socket.of("send")[0].ref, code: "rate_limited", message: "slower" });
  await settled();
  assert.equal(log.mock.calls[0].arguments[0].code, "rate_limited");
});
