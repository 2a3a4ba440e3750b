// One connection for several tabs: how a tab that begins elsewhere gets to
// where the leader's subscription is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message, settled, welcome } from "./fakes.js";
import { openTabs, say, subscribedTo } from "./sharedfakes.js";

const began = (cursor, more = {}) => ({ op: "subscribed", ref: 1, channel: "room", cursor, ...more });
const pong = { op: "pong" };

/** A leader that is subscribed to a channel and has had its messages up to number n. */
async function leaderAt(n) {
  const { browser, tabs } = await openTabs(1);
  const [leader] = tabs;
  const heard = leader.hears("msg");
  await settled();
  await subscribedTo(leader, "c0");
  for (let i = 1; i <= n; i++) await say(leader, message(i));
  return { browser, leader, heard };
}

/** As leaderAt, with a second tab, whose channel has options. */
async function newcomer(n, options) {
  const { browser, leader, heard } = await leaderAt(n);
  const tab = await browser.open({ room: options });
  const got = tab.hears("msg");
  await settled();
  return { browser, leader, tab, heard, got };
}

test("from now on, a tab begins where the leader is, and nobody is asked", async () => {
  const { leader, tab, got, heard } = await newcomer(3);
  assert.equal(leader.world.exchanges.length, 0);
  assert.equal(tab.room.cursor, "c3");
  await say(leader, message(4));
  assert.deepEqual([heard, got], [[1, 2, 3, 4], [4]]);
});

test("since the leader's very place, nobody is asked either", async () => {
  const { leader, got } = await newcomer(3, { since: "c3" });
  assert.equal(leader.world.exchanges.length, 0);
  await say(leader, message(4));
  assert.deepEqual(got, [4]);
});

test("the first tab's since is the subscription's", async () => {
  const { tabs } = await openTabs(1, { room: { since: "c7" } });
  const got = tabs[0].hears("msg");
  await settled();
  assert.equal(tabs[0].socket.of("subscribe")[0].since, "c7");
  await subscribedTo(tabs[0], "c7", { recovered: true });
  await say(tabs[0], message(8));
  assert.deepEqual(got, [8]);
});

test("since an older place, a tab gets what it misses, and then what is live, once and in order", async () => {
  const { leader, tab, heard, got } = await newcomer(3, { since: "c1" });
  const exchange = leader.world.asking("subscribe");
  assert.deepEqual(exchange.of("subscribe"), [{ op: "subscribe", ref: 1, channel: "room", echo: true, since: "c1" }]);
  assert.deepEqual(exchange.frames.map(({ op }) => op), ["hello", "subscribe", "ping"], "answered at once");
  assert.equal(exchange.frames[0].clientid, "us");
  await say(leader, message(4)); // meanwhile
  assert.deepEqual(got, []);
  assert.equal(tab.room.cursor, "c1");
  await exchange.answer(welcome, pong, began("c1", { recovered: true }), message(2), message(3), message(4));
  await say(leader, message(5));
  assert.deepEqual([heard, got], [[1, 2, 3, 4, 5], [2, 3, 4, 5]]);
  assert.equal(leader.socket.of("subscribe").length, 1, "the leader's subscription stays");
});

test("what came live and is not in the answer follows it", async () => {
  const { leader, got } = await newcomer(3, { since: "c1" });
  const exchange = leader.world.asking("subscribe");
  await say(leader, message(4), message(5));
  await exchange.answer(began("c1", { recovered: true }), message(2), message(3));
  assert.deepEqual(got, [2, 3, 4, 5]);
});

test("an answer that is ahead of what came live is not given twice", async () => {
  const { leader, got } = await newcomer(3, { since: "c3x" }); // a page rendered a moment ago: from message 3.5
  await leader.world.asking("subscribe").answer(began("c3x", { recovered: true }), message(5), message(6));
  await leader.world.asking("subscribe").answer(began("c6", { recovered: true }), pong);
  assert.deepEqual(got, [5, 6]);
  await say(leader, message(3.5, { cursor: "c3x" }), message(5));
  assert.deepEqual(got, [5, 6]);
  await say(leader, message(6), message(7));
  assert.deepEqual(got, [5, 6, 7]);
});

test("an answer that is not all is asked on from where it ended", async () => {
  const { leader, got } = await newcomer(4, { since: "c0" });
  await leader.world.asking("subscribe").answer(began("c0", { recovered: true }), message(1), message(2));
  const second = leader.world.asking("subscribe");
  assert.equal(second.of("subscribe")[0].since, "c2");
  await second.answer(began("c2", { recovered: true }), message(3), message(4));
  await say(leader, message(5));
  assert.deepEqual(got, [1, 2, 3, 4, 5]);
});

test("history comes by an exchange, also for the first tab, and the subscription begins at the channel's end", async () => {
  const { tabs } = await openTabs(1, { room: { history: 2 } });
  const got = tabs[0].hears("msg");
  await settled();
  const { since, history } = tabs[0].socket.of("subscribe")[0];
  assert.deepEqual([since, history], [undefined, undefined]);
  await subscribedTo(tabs[0], "c9");
  const exchange = tabs[0].world.asking("subscribe");
  assert.equal(exchange.of("subscribe")[0].history, 2);
  await say(tabs[0], message(10));
  await exchange.answer(began("c10"), message(9), message(10));
  await say(tabs[0], message(11));
  assert.deepEqual(got, [9, 10, 11]);
});

test("history of an empty channel is nothing", async () => {
  const { leader, tab, got } = await newcomer(0, { history: 20 });
  await leader.world.asking("subscribe").answer(began("c0"), pong);
  assert.equal(tab.room.cursor, "c0");
  await say(leader, message(1));
  assert.deepEqual(got, [1]);
  assert.equal(leader.world.exchanges.length, 1);
});

test("where a place has two names, the next message tells that it is one", async () => {
  const { browser, leader, got } = await newcomer(0, { history: 20 });
  await leader.world.asking("subscribe").answer(began("empty-2"), pong);
  await say(leader, message(1), message(2));
  await browser.clock.advance(0);
  const exchange = leader.world.asking("subscribe");
  assert.equal(exchange.of("subscribe")[0].since, "empty-2");
  await exchange.answer(began("empty-2", { recovered: true }), message(1));
  await say(leader, message(3));
  assert.deepEqual(got, [1, 2, 3]);
});

test("a subscription that resumes is not where 'from now on' is: that is asked for", async () => {
  const { browser, tabs } = await openTabs(1);
  const [leader] = tabs;
  leader.hears("msg");
  await settled();
  await subscribedTo(leader, "c1");
  leader.socket.end(1006);
  await browser.pass(2000);
  assert.equal(leader.socket.of("subscribe")[0].since, "c1");
  const tab = await browser.open();
  const got = tab.hears("msg");
  await settled();
  const { since, history } = leader.world.asking("subscribe").of("subscribe")[0];
  assert.deepEqual([since, history], [undefined, undefined]);
  await leader.world.asking("subscribe").answer(began("c4"), pong);
  await say(leader, message(2), message(3), message(4), message(5)); // of which three are from before the tab
  assert.deepEqual(got, [5]);
});

test("who waits for the live messages to get there asks once a second, at most", async () => {
  const { browser, leader, got } = await newcomer(0, { history: 1 });
  const exchanges = () => leader.world.exchanges.length;
  await leader.world.asking("subscribe").answer(began("c5"), message(5));
  await leader.world.asking("subscribe").answer(began("c5", { recovered: true }), pong);
  await say(leader, message(1));
  await browser.clock.advance(0);
  await leader.world.asking("subscribe").answer(began("c5", { recovered: true }), pong);
  assert.equal(exchanges(), 3);
  await say(leader, message(2), message(3));
  await browser.clock.advance(999);
  assert.equal(exchanges(), 3);
  await browser.clock.advance(1);
  assert.equal(exchanges(), 4);
  await say(leader, message(4), message(5), message(6));
  await leader.world.asking("subscribe").answer(began("c5", { recovered: true }), message(6));
  assert.deepEqual(got, [5, 6]);
});

test("what can't be had any more is a gap for the tab that wants it, alone", async () => {
  const { leader, tab, heard, got } = await newcomer(3, { since: "c-9" });
  const gaps = [];
  for (const one of [leader, tab]) one.room.on("gap", ({ cursor }) => gaps.push([one === tab, cursor]));
  await leader.world.asking("subscribe").answer(began("c-9", { recovered: false }), message(2), message(3));
  await say(leader, message(4));
  assert.deepEqual(gaps, [[true, "c-9"]]);
  assert.deepEqual([heard, got], [[1, 2, 3, 4], [2, 3, 4]]);
});

test("who is given the same again and again does not ask without end", async () => {
  const { leader, got } = await newcomer(3, { since: "c-9" });
  for (let i = 0; i < 10 && leader.world.pending.length > 0; i++) {
    await leader.world.asking("subscribe").answer(began("x1", { recovered: true }), message("x2"));
  }
  assert.ok(leader.world.exchanges.length < 4, `${leader.world.exchanges.length} exchanges`);
  assert.deepEqual(got, ["x2"]);
});

test("where messages are lost each time, the exchanges are paced", async () => {
  const { browser, leader } = await newcomer(3, { since: "c-9" });
  for (let i = 0; i < 10; i++) {
    await browser.clock.advance(3000);
    const [exchange] = leader.world.pending;
    await exchange?.answer(began("lost", { recovered: false }), message("x" + i));
  }
  assert.ok(leader.world.exchanges.length < 8, `${leader.world.exchanges.length} exchanges in 30 seconds`);
});

test("two tabs that miss different things get them, each", async () => {
  const { browser, leader } = await leaderAt(4);
  const late = [await browser.open({ room: { since: "c1" } }), await browser.open({ room: { since: "c2" } })];
  const got = late.map((tab) => tab.hears("msg"));
  await settled();
  for (const exchange of leader.world.pending) {
    const { since } = exchange.of("subscribe")[0];
    const from = +since.slice(1) + 1;
    const missed = [2, 3, 4].filter((n) => n >= from).map((n) => message(n));
    await exchange.answer(began(since, { recovered: true }), ...missed);
  }
  await say(leader, message(5));
  assert.deepEqual(got, [[2, 3, 4, 5], [3, 4, 5]]);
});

test("a tab that wants the channel no more, or is gone, is not fetched anything", async () => {
  for (const go of [(tab) => tab.room.close(), (tab) => tab.crash(), (tab) => tab.client.close()]) {
    const { browser, leader, tab, got } = await newcomer(3, { since: "c1" });
    const exchange = leader.world.asking("subscribe");
    await go(tab);
    await settled();
    assert.ok(exchange.aborted);
    await say(leader, message(4));
    await browser.pass(20e3);
    assert.deepEqual(got, []);
    assert.equal(leader.world.exchanges.length, 1);
  }
});

test("what a tab was given for a subscription that it has ended is not for its next one", async () => {
  const { leader, tab, got } = await newcomer(3, { since: "c1" });
  const exchange = leader.world.asking("subscribe");
  tab.hang();
  await exchange.answer(began("c1", { recovered: true }), message(2), message(3));
  tab.room.close();
  tab.room.open();
  await tab.recover();
  assert.deepEqual(got, []);
  await leader.world.asking("subscribe").answer(began("c1", { recovered: true }), message(2), message(3));
  assert.deepEqual(got, [2, 3]);
});

test("an exchange that fails is tried again", async () => {
  const { browser, leader, got } = await newcomer(3, { since: "c2" });
  await leader.world.asking("subscribe").fail();
  await browser.clock.advance(4000);
  await leader.world.asking("subscribe").answer(began("c2", { recovered: true }), message(3));
  assert.deepEqual(got, [3]);
});

test("an exchange that is not answered is tried again", async () => {
  const { browser, leader, got } = await newcomer(3, { since: "c2" });
  const exchange = leader.world.asking("subscribe");
  await browser.pass(15e3);
  assert.ok(exchange.aborted);
  await leader.world.asking("subscribe").answer(began("c2", { recovered: true }), message(3));
  assert.deepEqual(got, [3]);
});

test("a tab that can't be brought up has its own connection", async () => {
  const { browser, leader, tab, got } = await newcomer(3, { since: "c1" });
  for (let i = 0; i < 3; i++) {
    if (i) await browser.clock.advance(8000);
    await leader.world.asking("subscribe").fail();
  }
  assert.equal(tab.connections, 1);
  tab.socket.welcome({ clientid: "us" });
  assert.equal(tab.socket.of("subscribe")[0].since, "c1");
  await say(tab, message(2), message(3));
  await say(leader, message(4));
  assert.deepEqual(got, [2, 3]);
});

test("a refusal is told to the tab, which is in it no more", async () => {
  const { leader, tab, got } = await newcomer(3, { since: "c1" });
  const codes = [];
  tab.room.on("error", ({ code }) => codes.push(code));
  await leader.world.asking("subscribe").answer({ op: "error", ref: 1, code: "forbidden", message: "no" });
  assert.deepEqual(codes, ["forbidden"]);
  await say(leader, message(4));
  assert.deepEqual(got, []);
  leader.room.close(); // nobody wants it now
  await settled();
  assert.equal(leader.socket.of("unsubscribe").length, 1);
});

test("what is refused to the leader is refused to those who catch up, too", async () => {
  const { browser, tabs } = await openTabs(1, { room: { since: "c5" } });
  await browser.open({ room: { since: "c1" } });
  const codes = [];
  for (const tab of tabs) {
    tab.room.on("error", ({ code }) => codes.push(code));
    tab.hears("msg");
    await settled();
  }
  const exchange = tabs[0].world.asking("subscribe");
  await say(tabs[0], { op: "error", ref: tabs[0].socket.of("subscribe")[0].ref, code: "forbidden", message: "no" });
  assert.ok(exchange.aborted);
  assert.deepEqual(codes, ["forbidden", "forbidden"]);
});

test("what waits for a tab that catches up is bounded, and nothing is lost by that", async () => {
  const { leader, got } = await newcomer(0, { since: "c-5" });
  const exchange = leader.world.asking("subscribe");
  const many = Array.from({ length: 1500 }, (_, i) => message(i + 1));
  await say(leader, ...many);
  await exchange.answer(began("c-5", { recovered: true }), message(-4), ...many.slice(0, 700));
  await leader.world.asking("subscribe").answer(began("c700", { recovered: true }), ...many.slice(700, 1001));
  await say(leader, message(1501));
  assert.deepEqual(got, [-4, ...many.map(({ payload }) => payload), 1501]);
});

test("over long-poll, tabs begin with since without waiting for an answer", async () => {
  const { tabs } = await openTabs(2, { transports: ["longpoll"], room: { since: "c0" } });
  const [leader, tab] = tabs;
  await leader.world.asking("ping").answer({ ...welcome, clientid: "us" }, pong);
  const got = [leader.hears("msg"), tab.hears("msg")];
  await settled();
  const held = leader.world.asking("subscribe");
  const { ref, since } = held.of("subscribe")[0];
  assert.equal(since, "c0");
  await held.answer({ op: "subscribed", ref, channel: "room", cursor: "c0", recovered: true }, message(1));
  await leader.world.asking("subscribe").answer({ op: "subscribed", ref, channel: "room", cursor: "c1", recovered: true }, message(2));
  assert.deepEqual(got, [[1, 2], [1, 2]]);
});
