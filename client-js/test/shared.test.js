// One connection for several tabs: who shares it, and what each tab knows of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message, settled } from "./fakes.js";
import { newBrowser, openTabs, say, subscribedTabs } from "./sharedfakes.js";

/** A token that says something. Nobody here looks at its signature. */
const token = (claims) => ["", JSON.stringify(claims), "x"].map((part) => Buffer.from(part).toString("base64url")).join(".");

// ---- who shares ----

test("the tabs of a browser have one connection", async () => {
  const { tabs } = await openTabs(3);
  assert.deepEqual(tabs.map((tab) => tab.connections), [1, 0, 0]);
  assert.deepEqual(tabs.map((tab) => tab.client.state), ["connected", "connected", "connected"]);
});

test("two clients of one page share, too", async () => {
  const { browser, tabs } = await openTabs(1);
  const { connect } = await import("./setup.js");
  const second = connect("/channel", { ...tabs[0].world.options, clientID: undefined, clock: browser.clock, shared: true });
  await settled();
  assert.equal(second.state, "connected");
  assert.equal(tabs[0].connections, 1);
});

test("without shared, a tab has its own connection and takes no lock", async () => {
  const browser = newBrowser();
  const tabs = [await browser.open({ shared: false }), await browser.open({ shared: false })];
  assert.deepEqual(tabs.map((tab) => tab.connections), [1, 1]);
  assert.equal(browser.locks.names.size, 0);
});

for (const [missing, take] of [
  ["Web Locks", (window) => delete window.navigator.locks],
  ["BroadcastChannel", (window) => delete window.BroadcastChannel],
]) {
  test(`without ${missing} a tab has its own connection`, async () => {
    const { connect } = await import("./setup.js");
    const { newWorld } = await import("./fakes.js");
    const browser = newBrowser();
    const { world } = await browser.open({ shared: false });
    const bare = newWorld();
    Object.assign(bare.window, { BroadcastChannel: world.window.BroadcastChannel });
    bare.window.navigator.locks = world.window.navigator.locks;
    take(bare.window);
    connect("/channel", { ...bare.options, shared: true });
    assert.equal(bare.sockets.length, 1);
  });
}

test("a page that may have no locks has its own connection", async () => {
  const { connect } = await import("./setup.js");
  const { newWorld } = await import("./fakes.js");
  const world = newWorld();
  const request = async () => {
    throw new DOMException("an opaque origin", "SecurityError");
  };
  Object.assign(world.window, { BroadcastChannel: class {} });
  world.window.navigator.locks = { request };
  connect("/channel", { ...world.options, shared: true });
  await settled();
  assert.equal(world.sockets.length, 1);
});

for (const [what, first, second, connections] of [
  ["the same client id", { clientID: "a" }, { clientID: "a" }, [1, 0]],
  ["another client id", { clientID: "a" }, { clientID: "b" }, [1, 1]],
  ["another user's token", { token: token({ sub: "a" }) }, { token: token({ sub: "b" }) }, [1, 1]],
  ["other rights", { token: token({ sub: "a", may: ["x"] }) }, { token: token({ sub: "a", may: ["y"] }) }, [1, 1]],
  ["a newer token", { token: token({ sub: "a", exp: 1, jti: "1" }) }, { token: token({ sub: "a", exp: 2, jti: "2" }) }, [1, 0]],
  ["another opaque token", { token: "abc" }, { token: "abd" }, [1, 1]],
  ["a token that is fetched", { token: token({ sub: "a" }) }, { getToken: async () => token({ sub: "a" }) }, [1, 0]],
  ["another user's, fetched", { getToken: () => token({ sub: "a" }) }, { getToken: () => token({ sub: "b" }) }, [1, 1]],
]) {
  const verb = connections[1] ? "does not share" : "shares";
  test(`a tab with ${what} ${verb}`, async () => {
    const browser = newBrowser();
    const tabs = [await browser.open(first), await browser.open(second)];
    await settled();
    assert.deepEqual(tabs.map((tab) => tab.connections), connections);
  });
}

test("a token is fetched once, for the room's name and for the connection", async () => {
  const browser = newBrowser();
  let fetched = 0;
  const tab = await browser.open({ getToken: async () => token({ sub: "a", n: ++fetched }) });
  await settled();
  tab.socket.open();
  assert.equal(fetched, 1);
  assert.equal(tab.socket.of("hello")[0].token, token({ sub: "a", n: 1 }));
});

test("a tab whose token can't be fetched goes on as it would without sharing", async () => {
  const browser = newBrowser();
  let calls = 0;
  const getToken = async () => {
    if (!calls++) throw new Error("not logged in");
    return "t";
  };
  const tab = await browser.open({ getToken });
  await settled();
  tab.socket.open();
  assert.equal(tab.socket.of("hello")[0].token, "t");
});

test("all tabs are one client, that of the first one", async () => {
  const { tabs } = await openTabs(2);
  assert.deepEqual(tabs.map((tab) => tab.client.clientID), ["us", "us"]);
});

test("the build's short names do not go over the BroadcastChannel", async () => {
  const { browser, tabs } = await subscribedTabs();
  tabs[1].room.send("msg", 1).catch(() => {});
  await settled();
  await say(tabs[0], message(1));
  tabs[1].world.document.fire("visibilitychange");
  await settled();
  const names = browser.radio.said.flatMap(({ data }) => Object.keys(data));
  assert.deepEqual(
    [...new Set(names)].sort(),
    ["body", "event", "link", "live", "n", "op", "state", "sub", "tab", "term", "to", "transport", "welcome"],
  );
  assert.deepEqual([...new Set(browser.radio.said.map(({ name }) => name))], [
    '["commchannel",1,"https://shop.example/channel","",""]',
  ]);
});

// ---- the state ----

test("all tabs have the state of the connection", async () => {
  const browser = newBrowser();
  const tabs = [await browser.open(), await browser.open()];
  const states = tabs.map((tab) => {
    const list = [];
    tab.client.on("state", ({ state, transport }) => list.push(state + " " + transport));
    return list;
  });
  tabs[0].socket.welcome();
  await settled();
  tabs[0].socket.end(1006);
  await settled();
  await browser.clock.advance(20e3);
  const expected = ["connected websocket", "waiting null", "connecting null"];
  assert.deepEqual(states.map((list) => list.slice(0, 3)), [expected, expected]);
});

test("a tab that comes later has the state at once", async () => {
  const { browser } = await openTabs(1);
  const tab = await browser.open();
  assert.deepEqual([tab.client.state, tab.client.transport], ["connected", "websocket"]);
});

test("a page that is seen again has the connection asked for a word, whichever tab has it", async () => {
  const { tabs } = await openTabs(2);
  tabs[1].world.document.fire("visibilitychange");
  await settled();
  assert.equal(tabs[0].socket.of("ping").length, 1);
});

test("a client that is closed has no lock and no BroadcastChannel, and its sends are rejected", async () => {
  const { browser, tabs } = await openTabs(1);
  tabs[0].client.close();
  await settled();
  assert.equal(tabs[0].client.state, "closed");
  assert.ok(tabs[0].socket.closed);
  assert.deepEqual(browser.locks.held(tabs[0]), []);
  assert.equal(browser.radio.open.size, 0);
  await assert.rejects(tabs[0].room.send("msg", 1), { code: "closed" });
});

test("a client that is closed before it knows its room never enters it", async () => {
  const browser = newBrowser();
  const opening = browser.open();
  browser.tabs.at(-1)?.client.close();
  const tab = await opening;
  assert.equal(tab.client.state, "closed");
  assert.equal(browser.locks.names.size, 0);
});

test("a client that is closed before its token could not be fetched does not connect", async () => {
  const browser = newBrowser();
  let refuse;
  const getToken = () => (refuse ? "t" : new Promise((_, reject) => (refuse = reject)));
  const tab = await browser.open({ getToken });
  tab.client.close();
  refuse(new Error("not logged in"));
  await settled();
  assert.equal(tab.connections, 0);
});

test("a page that goes away before it knows its room enters when it is back", async () => {
  const browser = newBrowser();
  let found;
  const tab = await browser.open({ getToken: () => new Promise((resolve) => (found = resolve)) });
  await tab.goAway();
  found("t");
  await settled();
  assert.equal(browser.locks.names.size, 0);
  await tab.comeBack();
  assert.equal(tab.connections, 1);
});
