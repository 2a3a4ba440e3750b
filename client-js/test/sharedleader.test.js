// One connection for several tabs: who has it, and how it goes on when that
// tab ends, goes away, or hangs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message, settled } from "./fakes.js";
import { newBrowser, openTabs, say, subscribedTo } from "./sharedfakes.js";

const sent = ({ ref, channel, id }, n = 1) => ({ op: "sent", ref, channel, id, cursor: "c" + n });

/** Tabs that are subscribed to a channel and have its message number 1. */
async function talkingTabs(count = 2) {
  const { browser, tabs } = await openTabs(count);
  const got = tabs.map((tab) => tab.hears("msg"));
  await settled();
  await subscribedTo(tabs[0], "c0");
  await say(tabs[0], message(1));
  return { browser, tabs, got };
}

/** Welcomes a tab's newest connection. */
async function welcome(tab) {
  tab.socket.welcome();
  await settled();
}

const ENDS = {
  "is closed": (tab) => tab.client.close(),
  crashes: (tab) => tab.crash(),
  "goes away": (tab) => tab.goAway(),
  "is frozen": (tab) => tab.world.document.fire("freeze"),
};

for (const [ends, end] of Object.entries(ENDS)) {
  test(`when the leader ${ends} another tab has the connection at once, and goes on from its cursors`, async () => {
    const { browser, tabs, got } = await talkingTabs(3);
    await end(tabs[0]);
    await settled();
    assert.deepEqual(tabs.map((tab) => tab.connections), [1, 1, 0]);
    await welcome(tabs[1]);
    const begun = tabs[1].socket.of("subscribe");
    assert.deepEqual(begun.map(({ channel, since, echo }) => [channel, since, echo]), [["room", "c1", true]]);
    await say(tabs[1], message(2), message(3));
    assert.deepEqual(got, [[1], [1, 2, 3], [1, 2, 3]]);
    assert.equal(browser.leader, tabs[1]);
  });
}

test("the next leader is the same client", async () => {
  const { tabs } = await talkingTabs();
  await tabs[0].crash();
  tabs[1].socket.open();
  assert.equal(tabs[1].socket.of("hello")[0].clientid, "us");
});

test("tabs are connecting while the next leader is", async () => {
  const { tabs } = await talkingTabs();
  const states = [];
  tabs[1].client.on("state", ({ state }) => states.push(state));
  await tabs[0].crash();
  await welcome(tabs[1]);
  assert.deepEqual(states, ["connecting", "connected"]);
});

test("what was not acknowledged when the leader crashed is sent again, once, with the same id", async () => {
  const { tabs } = await talkingTabs();
  const acked = tabs[1].room.send("msg", "acknowledged");
  await settled();
  const [first] = tabs[0].socket.of("send");
  await say(tabs[0], sent(first));
  await acked;
  const promise = tabs[1].room.send("msg", "under way");
  await settled();
  const [, second] = tabs[0].socket.of("send");
  await tabs[0].crash();
  await welcome(tabs[1]);
  const again = tabs[1].socket.of("send");
  assert.deepEqual(again.map(({ id, payload }) => [id, payload]), [[second.id, "under way"]]);
  await say(tabs[1], sent(again[0], 2));
  assert.equal((await promise).cursor, "c2");
});

test("what is sent while nobody leads waits for the next leader", async () => {
  const { tabs } = await talkingTabs(3);
  tabs[1].hang(); // it is next
  await tabs[0].crash();
  const promise = tabs[2].room.send("msg", "waits");
  await tabs[1].recover();
  await welcome(tabs[1]);
  const [frame] = tabs[1].socket.of("send");
  assert.equal(frame.payload, "waits");
  await say(tabs[1], sent(frame));
  await promise;
});

test("one's own message is left out also after the leader has changed", async () => {
  const { tabs, got } = await talkingTabs();
  tabs[1].room.send("msg", "mine").catch(() => {});
  await settled();
  const [{ id }] = tabs[0].socket.of("send");
  await tabs[0].crash();
  await welcome(tabs[1]);
  await say(tabs[1], message(2, { id, from: "us" }), message(3));
  assert.deepEqual(got[1], [1, 3]);
});

test("when the leader has reconnected, all tabs go on from their cursors", async () => {
  const { browser, tabs, got } = await talkingTabs();
  tabs[0].socket.end(1006);
  await settled();
  await browser.clock.advance(2000);
  await welcome(tabs[0]);
  const begun = tabs[0].socket.of("subscribe");
  assert.deepEqual(begun.map(({ since }) => since), ["c1"]);
  await say(tabs[0], message(2));
  assert.deepEqual(got, [[1, 2], [1, 2]]);
});

test("what the gateway has no more after a reconnect is a gap for every tab", async () => {
  const { browser, tabs, got } = await talkingTabs();
  const gaps = [];
  for (const tab of tabs) tab.room.on("gap", ({ cursor }) => gaps.push(cursor));
  tabs[0].socket.end(1006);
  await settled();
  await browser.clock.advance(2000);
  await welcome(tabs[0]);
  await subscribedTo(tabs[0], "c1", { recovered: false });
  await say(tabs[0], message(9));
  assert.deepEqual(gaps, ["c1", "c1"]);
  assert.deepEqual(got, [[1, 9], [1, 9]]);
});

test("what a tab said over a link that is gone is not said twice", async () => {
  const { browser, tabs } = await talkingTabs();
  tabs[1].hang();
  tabs[0].socket.end(1006);
  await settled();
  await browser.clock.advance(2000);
  tabs[0].socket.welcome();
  tabs[1].room.send("msg", 1).catch(() => {}); // it has not heard of any of this
  await settled();
  assert.equal(tabs[0].socket.of("send").length, 0);
  await tabs[1].recover();
  assert.equal(tabs[0].socket.of("send").length, 1);
});

test("the next leader is followed also if the clock was set back", async () => {
  const { browser, tabs, got } = await talkingTabs(3);
  browser.clock.sleep(-3600e3);
  await tabs[0].crash();
  await welcome(tabs[1]);
  await say(tabs[1], message(2));
  assert.deepEqual(got[2], [1, 2]);
});

// ---- the page ----

test("a leader that goes away has neither locks nor an open BroadcastChannel, and posts what is not acknowledged", async () => {
  const { browser, tabs } = await talkingTabs(1);
  tabs[0].room.send("msg", 1).catch(() => {});
  await settled();
  await tabs[0].goAway();
  assert.equal(tabs[0].client.state, "paused");
  assert.ok(tabs[0].socket.closed);
  assert.deepEqual(browser.locks.held(tabs[0]), []);
  assert.equal(browser.radio.open.size, 0);
  assert.deepEqual(tabs[0].world.exchanges[0].frames.map(({ op }) => op), ["hello", "send"]);
});

test("a page that goes away and then is frozen leaves once", async () => {
  const { tabs } = await talkingTabs(1);
  tabs[0].room.send("msg", 1).catch(() => {});
  await settled();
  await tabs[0].goAway();
  tabs[0].world.document.fire("freeze");
  await settled();
  assert.equal(tabs[0].world.exchanges.length, 1);
});

test("a tab that waits for the lock and goes away does not get it", async () => {
  const { browser, tabs } = await talkingTabs(2);
  await tabs[1].goAway();
  await tabs[0].crash();
  assert.deepEqual(browser.locks.held(tabs[1]), []);
  assert.equal(tabs[1].connections, 0);
});

for (const [away, back] of [
  [(tab) => tab.goAway(), (tab) => tab.comeBack()],
  [(tab) => tab.world.document.fire("freeze"), (tab) => tab.world.document.fire("resume")],
]) {
  test(`a leader that ${back.toString().includes("resume") ? "was frozen" : "comes back"} follows, from its cursors`, async () => {
    const { tabs, got } = await talkingTabs();
    await away(tabs[0]);
    await settled();
    await welcome(tabs[1]);
    await say(tabs[1], message(2));
    await back(tabs[0]);
    await settled();
    assert.equal(tabs[0].client.state, "connected");
    assert.equal(tabs[0].connections, 1);
    const missed = tabs[1].world.asking("subscribe"); // by the leader, on its behalf
    assert.equal(missed.of("subscribe")[0].since, "c1");
    await missed.answer({ op: "subscribed", ref: 1, channel: "room", cursor: "c1", recovered: true }, message(2));
    await say(tabs[1], message(3));
    assert.deepEqual(got, [[1, 2, 3], [1, 2, 3]]);
  });
}

test("a page that comes back and was the only one leads again", async () => {
  const { tabs, got } = await talkingTabs(1);
  await tabs[0].goAway();
  await tabs[0].comeBack();
  assert.equal(tabs[0].connections, 2);
  await welcome(tabs[0]);
  assert.equal(tabs[0].socket.of("subscribe")[0].since, "c1");
  await say(tabs[0], message(2));
  assert.deepEqual(got, [[1, 2]]);
});

// ---- a leader that says nothing ----

test("a leader that answers is left alone, however quiet the channels are", async () => {
  const { browser, tabs } = await talkingTabs(3);
  await browser.pass(100e3);
  assert.deepEqual(tabs.map((tab) => tab.connections), [1, 0, 0]);
  const asked = browser.radio.said.filter(({ data }) => data.op === "join").length;
  assert.ok(asked < 3 + 100 / 10 + 3, `asked ${asked} times in 100 s`);
});

test("the lock is taken from a leader that hangs, and all others follow who took it", async () => {
  const { browser, tabs, got } = await talkingTabs(3);
  tabs[0].hang();
  await browser.pass(30e3);
  const next = tabs.find((tab, i) => i && tab.connections);
  assert.deepEqual(tabs.map((tab) => tab.connections).toSorted(), [0, 1, 1]);
  await say(next, message(2));
  assert.deepEqual(got, [[1], [1, 2], [1, 2]]);
});

test("a leader that hangs is found out sooner when there is something to send", async () => {
  const { browser, tabs } = await talkingTabs();
  await browser.clock.advance(1);
  await say(tabs[0], message(2));
  tabs[0].hang();
  const promise = tabs[1].room.send("msg", "urgent");
  await browser.pass(1.5 * (5000 + 2 * 3000) + 500);
  const [frame] = tabs[1].socket.of("send");
  await say(tabs[1], sent(frame, 3));
  assert.equal((await promise).cursor, "c3");
});

test("a leader that comes to again is not listened to, and goes on with its own connection", async () => {
  const { browser, tabs, got } = await talkingTabs();
  tabs[0].hang();
  await browser.pass(30e3);
  await say(tabs[1], message(2));
  tabs[0].do(() => tabs[0].socket.say(message(2), message(3))); // has waited for it to come to
  const subscriptions = () => browser.radio.said.map(({ data }) => data).filter(({ body }) => body?.op === "subscribe");
  const { length, [length - 1]: last } = subscriptions();
  await tabs[0].recover();
  assert.deepEqual(got[1], [1, 2]);
  const since = subscriptions().slice(length);
  assert.deepEqual(since.filter(({ tab }) => tab === last.tab), [], "nobody takes it for a leader");
  assert.equal(tabs[0].connections, 2);
  await welcome(tabs[0]);
  await say(tabs[0], message(4));
  await say(tabs[1], message(3), message(4));
  assert.deepEqual(got[1], [1, 2, 3, 4]);
  assert.deepEqual(tabs[0].socket.of("subscribe").map(({ since }) => since), ["c1"]);
});

test("a tab that hears nothing takes the lock once, and nobody takes it back", async () => {
  const browser = newBrowser();
  const [first, second] = [await browser.open(), await browser.open()];
  first.deaf = second.deaf = true; // their BroadcastChannels are apart, their locks are not
  await browser.pass(120e3);
  assert.deepEqual([first, second].map((tab) => tab.client.state), ["connected", "connected"]);
  const connections = first.connections + second.connections;
  await browser.pass(600e3);
  assert.equal(first.connections + second.connections, connections);
});

test("a page to which many things happen at once asks once", async () => {
  const { tabs } = await talkingTabs();
  for (let i = 0; i < 5; i++) tabs[1].world.document.fire("visibilitychange");
  await settled();
  assert.deepEqual(tabs.map((tab) => tab.connections), [1, 0]);
});

test("a leader that does not hear itself goes alone", async () => {
  const { browser, tabs } = await talkingTabs(1);
  tabs[0].deafened = true;
  await browser.pass(30e3);
  assert.equal(tabs[0].connections, 2);
  assert.equal(tabs[0].client.state, "connected");
  assert.deepEqual(browser.locks.held(tabs[0]), []);
});

test("a tab that has slept hears what was said before it takes the lock", async () => {
  const { browser, tabs } = await talkingTabs();
  tabs[1].hang(); // and so its timers run late
  await browser.pass(60e3);
  await tabs[1].recover();
  assert.deepEqual(tabs.map((tab) => tab.connections), [1, 0]);
});

test("a tab that has missed a word goes on from its cursors", async () => {
  const { tabs, got } = await talkingTabs();
  tabs[1].deaf = true;
  await say(tabs[0], message(2));
  tabs[1].deaf = false;
  await say(tabs[0], message(3));
  await settled();
  const missed = tabs[0].world.asking("subscribe");
  assert.equal(missed.of("subscribe")[0].since, "c1");
  await missed.answer({ op: "subscribed", ref: 1, channel: "room", cursor: "c1", recovered: true }, message(2), message(3));
  await say(tabs[0], message(4));
  assert.deepEqual(got, [[1, 2, 3, 4], [1, 2, 3, 4]]);
});

// ---- a gateway that refuses ----

test("a leader that is refused is told, and the next tab tries", async () => {
  const { tabs } = await talkingTabs();
  const errors = tabs.map((tab) => {
    const codes = [];
    tab.client.on("error", ({ code }) => codes.push(code));
    return codes;
  });
  tabs[0].socket.end(4201);
  await settled();
  assert.deepEqual(tabs.map((tab) => tab.client.state), ["closed", "connecting"]);
  assert.deepEqual(errors, [["unauthorized"], []]);
  await welcome(tabs[1]);
  assert.equal(tabs[1].client.state, "connected");
});

test("a leader whose connection ended over a frame goes alone, since the frame may be another tab's", async () => {
  const { tabs } = await talkingTabs();
  tabs[0].socket.end(4200);
  await settled();
  assert.deepEqual(tabs.map((tab) => tab.connections), [2, 1]);
  tabs[0].socket.end(4200);
  await settled();
  assert.deepEqual(tabs.map((tab) => tab.client.state), ["closed", "connecting"]);
});

test("a tab that has gone alone does all that it did", async () => {
  const { tabs, got } = await talkingTabs();
  tabs[0].socket.end(4200);
  await settled();
  await welcome(tabs[0]);
  tabs[0].room.send("msg", "mine").catch(() => {});
  const [{ id }] = tabs[0].socket.of("send");
  await say(tabs[0], message(2), message(3, { id, from: "us" }), message(4));
  assert.deepEqual(got[0], [1, 2, 4]);
  tabs[0].client.close();
  assert.ok(tabs[0].socket.closed);
  assert.equal(tabs[0].client.state, "closed");
});
