// One connection for several tabs: which messages and answers each tab gets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gather, message, sent, settled } from "./fakes.js";
import { newBrowser, openTabs, say, subscribedTabs, subscribedTo } from "./sharedfakes.js";

/** A frame that was sent, as a message has it. */
const arrived = ({ id, type, payload, reply_to }) => ({ id, type, payload, reply_to, from: "us" });

// ---- messages ----

test("the leader subscribes once, and all tabs get all messages, once and in order", async () => {
  const { tabs, got } = await subscribedTabs(3);
  assert.equal(tabs[0].socket.of("subscribe").length, 1);
  await say(tabs[0], message(1), message(2), message(3));
  assert.deepEqual(got, [[1, 2, 3], [1, 2, 3], [1, 2, 3]]);
  assert.deepEqual(tabs.map((tab) => tab.room.cursor), ["c3", "c3", "c3"]);
});

test("a tab gets no messages of channels that others are subscribed to", async () => {
  const { tabs } = await openTabs(2);
  const got = [tabs[0].hears("msg"), gather(tabs[1].client.channel("other"))];
  await settled();
  await say(tabs[0], { op: "subscribed", ref: tabs[0].socket.of("subscribe")[0].ref, channel: "room", cursor: "c0" }, message(1));
  assert.deepEqual(got, [[1], []]);
});

test("what a tab sends comes to the others and not to itself", async () => {
  const { tabs, got } = await subscribedTabs();
  tabs[1].room.send("msg", "hello").catch(() => {});
  await settled();
  const [{ id }] = tabs[0].socket.of("send");
  await say(tabs[0], message(1, { id, from: "us", payload: "hello" }), message(2));
  assert.deepEqual(got, [["hello", 2], [2]]);
  assert.deepEqual(tabs.map((tab) => tab.room.cursor), ["c2", "c2"]);
});

test("one's own message moves one's place", async () => {
  const { tabs } = await subscribedTabs();
  tabs[1].room.send("msg", "hello").catch(() => {});
  await settled();
  await say(tabs[0], message(1, { id: tabs[0].socket.of("send")[0].id, from: "us" }));
  assert.equal(tabs[1].room.cursor, "c1");
});

test("with echo a tab gets its own messages, too", async () => {
  const { tabs } = await openTabs(1);
  const room = tabs[0].client.channel("loud", { echo: true });
  const got = gather(room);
  await settled();
  const { ref } = tabs[0].socket.of("subscribe")[0];
  room.send("msg", "hello").catch(() => {});
  await settled();
  const [{ id }] = tabs[0].socket.of("send");
  await say(tabs[0], { op: "subscribed", ref, channel: "loud", cursor: "c0" }, message(1, { channel: "loud", id, payload: "hello" }));
  assert.deepEqual(got, ["hello"]);
});

test("one tab answers another one's request", async () => {
  const { tabs } = await subscribedTabs();
  tabs[1].room.register("question", (m, reply) => void reply("answer", m.payload + 1).catch(() => {}));
  const answer = tabs[0].room.request("question", 41);
  await settled();
  const [asked] = tabs[0].socket.of("send");
  await say(tabs[0], sent(asked), message(1, arrived(asked)));
  const [, reply] = tabs[0].socket.of("send");
  await say(tabs[0], message(2, arrived(reply)));
  assert.equal((await answer).payload, 42);
});

test("a gap is told to all tabs", async () => {
  const { tabs } = await subscribedTabs();
  const gaps = [];
  for (const tab of tabs) tab.client.on("gap", (gap) => gaps.push(gap));
  await say(tabs[0], { op: "gap", channel: "room", cursor: "c5" });
  assert.deepEqual(gaps, [{ channel: "room", cursor: "c5" }, { channel: "room", cursor: "c5" }]);
});

test("a subscription ends with the last tab that wants it", async () => {
  const { tabs } = await subscribedTabs();
  tabs[0].room.close();
  await settled();
  assert.equal(tabs[0].socket.of("unsubscribe").length, 0);
  tabs[1].room.close();
  await settled();
  assert.equal(tabs[0].socket.of("unsubscribe").length, 1);
});

test("a subscription ends when the last tab that wants it is closed, or crashes", async () => {
  for (const go of [(tab) => tab.client.close(), (tab) => tab.crash(), (tab) => tab.goAway()]) {
    const { tabs } = await openTabs(2);
    tabs[1].hears("msg");
    await settled();
    await subscribedTo(tabs[0], "c0");
    await go(tabs[1]);
    await settled();
    assert.equal(tabs[0].socket.of("unsubscribe").length, 1);
  }
});

test("a leader that has just taken over knows, too, when a tab is gone", async () => {
  const { tabs } = await openTabs(3);
  tabs[2].hears("msg");
  await settled();
  await subscribedTo(tabs[0], "c0");
  await tabs[0].crash();
  tabs[1].serve();
  await settled();
  assert.equal(tabs[1].socket.of("subscribe").length, 1);
  await tabs[2].crash();
  assert.equal(tabs[1].socket.of("unsubscribe").length, 1);
});

test("a subscription that is refused is refused to all tabs that wanted it", async () => {
  const { tabs } = await openTabs(2);
  const codes = [];
  for (const tab of tabs) {
    tab.room.on("error", ({ code }) => codes.push(code));
    tab.hears("msg");
  }
  await settled();
  await say(tabs[0], { op: "error", ref: tabs[0].socket.of("subscribe")[0].ref, code: "forbidden", message: "no" });
  assert.deepEqual(codes, ["forbidden", "forbidden"]);
  tabs[1].room.open(); // the application may ask again
  await settled();
  assert.equal(tabs[0].socket.of("subscribe").length, 2);
});

test("a tab for whose channels there is no room has its own connection", async () => {
  const { tabs } = await subscribedTabs();
  gather(tabs[1].client.channel("one too many"));
  await settled();
  const { ref } = tabs[0].socket.of("subscribe").at(-1);
  await say(tabs[0], { op: "error", ref, code: "too_many_channels", message: "the most is 1" });
  assert.equal(tabs[1].connections, 1);
  tabs[1].socket.welcome();
  assert.deepEqual(
    tabs[1].socket.of("subscribe").map(({ channel, since }) => [channel, since]),
    [["room", "c0"], ["one too many", undefined]],
  );
});

// ---- requests of tabs ----

test("what is late of a subscription that was ended is not for the next one", async () => {
  const { tabs } = await openTabs(1);
  const [tab] = tabs;
  const got = tab.hears("msg");
  await settled();
  tab.room.close();
  tab.room.open();
  await settled();
  const [first, second] = tab.socket.of("subscribe");
  await say(tab, { op: "subscribed", ref: first.ref, channel: "room", cursor: "c5" }, message(6), { op: "unsubscribed", channel: "room" });
  assert.equal(tab.room.cursor, "");
  await say(tab, { op: "subscribed", ref: second.ref, channel: "room", cursor: "c7" }, message(8));
  assert.deepEqual(got, [8]);
});

test("an error about nothing that is known is told to all, and is about nothing of theirs", async () => {
  const { tabs } = await openTabs(2);
  tabs[0].client.ping().catch(() => {});
  await settled();
  await say(tabs[0], { op: "pong", ref: 1 });
  const errors = { client: [], channel: [] };
  tabs[1].client.on("error", ({ code }) => errors.client.push(code));
  tabs[1].room.on("error", ({ code }) => errors.channel.push(code));
  tabs[0].client.on("error", () => {});
  tabs[1].hears("msg");
  await settled();
  await say(tabs[0], { op: "error", ref: 1, code: "internal", message: "a fault" });
  assert.deepEqual(errors, { client: ["internal"], channel: [] });
});

test("each tab gets the answers to its own requests", async () => {
  const { tabs } = await openTabs(2);
  const sends = tabs.map((tab, i) => tab.room.send("msg", i));
  await settled();
  const frames = tabs[0].socket.of("send");
  assert.equal(new Set(frames.map(({ ref }) => ref)).size, 2);
  await say(tabs[0], ...frames.toReversed().map((frame) => sent(frame, frame.payload)));
  const receipts = await Promise.all(sends);
  assert.deepEqual(receipts.map(({ cursor }) => cursor), ["c0", "c1"]);
});

test("what the gateway refuses is told to the tab that sent it, alone", async () => {
  const { tabs } = await openTabs(2);
  const errors = [];
  tabs[0].client.on("error", (error) => errors.push(error));
  const refused = assert.rejects(tabs[1].room.send("msg", 1), { code: "rate_limited" });
  await settled();
  const { ref } = tabs[0].socket.of("send")[0];
  await say(tabs[0], { op: "error", ref, code: "rate_limited", message: "slower" });
  await refused;
  assert.deepEqual(errors, []);
});

test("a tab's sends keep their order, and what was sent before there was a link comes first", async () => {
  const browser = newBrowser();
  const [leader, tab] = [await browser.open(), await browser.open()];
  for (const n of [1, 2]) tab.room.send("msg", n).catch(() => {});
  leader.socket.welcome();
  await settled();
  tab.room.send("msg", 3).catch(() => {});
  await settled();
  assert.deepEqual(leader.socket.of("send").map(({ payload }) => payload), [1, 2, 3]);
});

test("a message beyond the gateway's bound is refused in the tab", async () => {
  const browser = newBrowser();
  const [leader, tab] = [await browser.open(), await browser.open()];
  leader.socket.welcome({ max_message: 20 });
  await settled();
  await assert.rejects(tab.room.send("msg", "x".repeat(30)), { code: "too_large" });
});

test("a tab that comes while there is no link says nothing before there is one", async () => {
  const { browser, tabs } = await openTabs(1);
  tabs[0].socket.end(1006);
  await settled();
  const tab = await browser.open();
  assert.equal(tab.client.state, "waiting");
  tab.room.send("msg", 1).catch(() => {});
  tab.hears("msg");
  await settled();
  assert.deepEqual(browser.radio.said.filter(({ data }) => data.op === "relay"), []);
  await browser.pass(2000);
  assert.deepEqual(tabs[0].socket.sent.map(({ op }) => op), ["hello", "subscribe", "send"]);
});

test("any tab can ping the gateway", async () => {
  const { browser, tabs } = await openTabs(2);
  const promise = tabs[1].client.ping();
  await browser.clock.advance(42);
  await say(tabs[0], { op: "pong", ref: tabs[0].socket.of("ping")[0].ref });
  assert.equal(await promise, 42);
});
