// Examples of the README that need no browser, as they stand there. Those that
// do are run by the end-to-end tests.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { startGateway } from "./gateway.js";
import { connect } from "./setup.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const blocks = /^<!-- not run: test\/readme\.test\.js does it, by the name: (\w+) -->\n```js\n(.*?)^```$/gms;
const examples = new Map([...readme.matchAll(blocks)].map(([, name, text]) => [name, text]));

const AsyncFunction = (async () => {}).constructor;

/** A gateway with two clients, me and bob, in its channel "room"; both hear what is told. */
async function newStage(t) {
  const gateway = await startGateway();
  const options = { transports: ["longpoll"] };
  const clients = ["me", "bob"].map((clientID) => connect(gateway.url, { ...options, clientID }));
  t.after(() => {
    for (const client of clients) client.close();
    gateway.close();
  });
  for (const client of clients) {
    client.channel("room").open();
    while (!client.channel("room").cursor) await client.ping();
  }
  const told = [];
  const scope = {
    client: clients[0],
    room: clients[0].channel("room"),
    connect: (url, more) => connect(url.replace("https://push.shop.example/channel", gateway.url), { ...options, ...more }),
    console: { log: (...words) => told.push(words.join(" ")), error: (error) => told.push(error) },
  };
  return {
    gateway,
    bob: clients[1].channel("room"),
    told,

    /** Runs an example, with more names if it needs them, and gives what `gives` is then. */
    run: (name, more = {}, gives = "undefined") => {
      const names = { ...scope, ...more };
      const text = `{ ${examples.get(name)}\nreturn ${gives}; }`;
      return new AsyncFunction(...Object.keys(names), text)(...Object.values(names));
    },
  };
}

test("every example that is left to these tests is run here", () => {
  assert.deepEqual([...examples.keys()].sort(), ["loop", "presence", "request", "token"]);
});

test("the example of a request gets its answer", async (t) => {
  const { bob, told, run } = await newStage(t);
  bob.register("price", (m, reply) => void reply("price", m.payload.article / 100).catch(() => {}));
  await run("request");
  assert.deepEqual(told, ["bob says 47.11"]);
});

test("the example of a request tells that there is no answer", async (t) => {
  const { told, run } = await newStage(t);
  const room = { request: (type, payload, options) => Promise.reject(Object.assign(new Error(), { code: "timeout" })) };
  await run("request", { room });
  assert.deepEqual(told, ["no answer: timeout"]);
});

test("the example of a loop answers until it ends", async (t) => {
  const { bob, run } = await newStage(t);
  const loop = run("loop");
  assert.equal((await bob.request("question", 21)).payload, 42);
  await bob.send("end");
  await loop;
});

test("the example of presence keeps up with who is there", async (t) => {
  const { gateway, told, run } = await newStage(t);
  const { here, look, client } = await run("presence", {}, "{ here: () => [...here], look, client }");
  const tell = async (frame) => {
    while (gateway.holding() < 2) await client.ping();
    gateway.tell(frame);
  };
  await tell({ op: "join", channel: "room", clientid: "carol" });
  while (here().length < 1) await client.ping();
  assert.deepEqual(here(), ["carol"]);
  await look();
  assert.deepEqual(here(), ["me"]);
  assert.deepEqual(told, ["1 are here: me"]);
  await tell({ op: "presence", channel: "room", clients: ["dave", "erin"], count: 2 });
  while (!here().includes("dave")) await client.ping();
  await tell({ op: "leave", channel: "room", clientid: "dave" });
  while (here().includes("dave")) await client.ping();
  assert.deepEqual(here(), ["erin"]);
});

test("the example of a token fetches one, and another when it has expired", async (t) => {
  const { gateway, run } = await newStage(t);
  let fetched = 0;
  const fetch = async (url, { signal }) => {
    assert.equal(url, "/token");
    assert.equal(signal.aborted, false);
    return new Response("t" + ++fetched);
  };
  gateway.expired.add("t1");
  const client = await run("token", { fetch }, "client");
  t.after(() => client.close());
  await client.ping();
  assert.equal(fetched, 2);
  assert.equal(client.state, "connected");
});
