// The built scripts, over a real network, where there is no page: in node, in
// a worker, and as a classic script.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import vm from "node:vm";
import { Worker } from "node:worker_threads";
import { connect } from "../dist/channelclient.mjs";
import { startGateway } from "./gateway.js";

const MODULE = new URL("../dist/channelclient.mjs", import.meta.url).href;
const CLASSIC = new URL("../dist/channelclient.js", import.meta.url);

/** A gateway, and a client that answers questions with one more. */
async function newRoom(t) {
  const gateway = await startGateway();
  const client = connect(gateway.url, { clientID: "teller", transports: ["longpoll"] });
  t.after(() => {
    client.close();
    gateway.close();
  });
  const room = client.channel("room");
  room.register("question", (m, reply) => void reply("answer", m.payload + 1));
  while (!room.cursor) await client.ping();
  return { url: gateway.url, room };
}

/** A program for node or a worker: it asks, tells what it heard, and ends. */
const PROGRAM = `
  const { connect } = await import(${JSON.stringify(MODULE)});
  const client = connect(process.argv.at(-1), { clientID: "asker", transports: ["longpoll"] });
  const room = client.channel("room");
  const loop = room.messages();
  const { payload, from } = await room.request("question", 41);
  const { value } = await loop.next();
  const { clients } = await room.presence();
  client.close();
  const { done } = await loop.next();
  const heard = JSON.stringify([payload, from, value.payload, clients, done]);
`;
const HEARD = JSON.stringify([42, "teller", 42, ["asker"], true]);

test("the module works in node, and lets the process end after close()", async (t) => {
  const { url } = await newRoom(t);
  const program = PROGRAM + "console.log(heard);";
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", program, url],
    { timeout: 30e3 },
  );
  assert.equal(stdout.trim(), HEARD);
});

test("the module works in a worker, and lets it end after close()", async (t) => {
  const { url } = await newRoom(t);
  const program = `
    const { parentPort } = require("node:worker_threads");
    (async () => { ${PROGRAM} parentPort.postMessage(heard); })();
  `;
  const worker = new Worker(program, { eval: true, argv: [url] });
  t.after(() => worker.terminate());
  const [[heard], [code]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
  assert.equal(heard, HEARD);
  assert.equal(code, 0);
});

/** Runs the classic script where there is nothing but what it is given. */
function runClassic(more = {}) {
  const { console, clearTimeout, queueMicrotask, fetch, URL, TextEncoder, AbortController } = globalThis;
  const scope = { console, clearTimeout, queueMicrotask, fetch, URL, TextEncoder, AbortController, ...more };
  scope.setTimeout = (f, ms) => setTimeout(f, ms).unref(); // the seed's interface has no close()
  const before = Object.keys(scope);
  vm.runInNewContext(readFileSync(CLASSIC, "utf8"), scope);
  return { scope, added: Object.keys(scope).filter((name) => !before.includes(name)) };
}

test("the classic script makes one global, and it works", async (t) => {
  const { url } = await newRoom(t);
  const { scope, added } = runClassic();
  assert.deepEqual(added, ["channelClient"]);
  const channel = new scope.channelClient("room", 7, url, { transports: ["longpoll"] });
  t.after(() => channel.stopPolling());
  const answer = new Promise((resolve) => channel.register("answer", resolve));
  await new Promise((resolve) => channel.poll(resolve));
  channel.send("question", 1);
  const { payload, from } = await answer;
  assert.deepEqual([payload, from], [2, "teller"]);
});

test("the attribute data-payload-only gives callbacks the payload alone", () => {
  const currentScript = { dataset: { payloadOnly: "" } };
  assert.equal(runClassic({ document: { currentScript } }).scope.channelClient.defaults.payloadOnly, true);
  assert.equal(runClassic().scope.channelClient.defaults.payloadOnly, false);
});
