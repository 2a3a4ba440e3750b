// What `npm publish` would upload, and whether a project that installs it can
// use it. No network is needed for that.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = new URL("..", import.meta.url).pathname;

let scratch = "";
let folder = ""; // of a project that has installed the package
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "commchannel-pack-"));
  folder = await project();
});
after(() => rm(scratch, { recursive: true }));

/**
 * @param {string} cwd
 * @param {string[]} args
 */
function npm(cwd, ...args) {
  const env = { ...process.env, npm_config_cache: join(scratch, "cache"), npm_config_offline: "true" };
  return run("npm", [...args, "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd, env });
}

/** Files below a folder of the package. */
async function filesIn(folder) {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length));
}

/** Makes a project that installs the package from its tarball. */
async function project() {
  const folder = join(scratch, "project");
  await mkdir(folder);
  const { stdout } = await npm(root, "pack", "--json", "--pack-destination", scratch);
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "page", private: true, type: "module" }));
  await npm(folder, "install", join(scratch, JSON.parse(stdout)[0].filename));
  return folder;
}

test("the package has the scripts, their types and sources, and nothing else", async () => {
  const { stdout } = await npm(root, "pack", "--dry-run", "--json");
  const got = JSON.parse(stdout)[0].files.map((file) => file.path);
  const want = ["LICENSE", "README.md", "package.json", ...(await filesIn("dist")), ...(await filesIn("src"))];
  assert.deepEqual(got.sort(), want.sort());
  for (const file of ["dist/channelclient.js", "dist/channelclient.mjs", "dist/types/index.d.ts"]) assert.ok(got.includes(file), file);
});

test("its license is the project's", async () => {
  assert.equal(await readFile(join(root, "LICENSE"), "utf8"), await readFile(join(root, "../LICENSE"), "utf8"));
});

test("installed, it is imported by its name, and depends on nothing", async () => {
  const text = 'import { ChannelError, channelClient, connect } from "@commchannel/client"; console.log(typeof connect, typeof channelClient, typeof ChannelError);';
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", text], { cwd: folder });
  assert.equal(stdout, "function function function\n");
  const script = 'await import("@commchannel/client/channelclient.js"); console.log(typeof channelClient);';
  assert.equal((await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: folder })).stdout, "function\n");
  assert.deepEqual(await readdir(join(folder, "node_modules")), [".package-lock.json", "@commchannel"]);
});

const PROGRAM = `
import { connect, type Channel, type Client, type Message } from "@commchannel/client";

const client: Client = connect("/channel", { clientID: "alice" });
const room: Channel = client.channel("room", { history: 20 });
room.register("msg", (m: Message, reply) => void reply("thanks", m.payload));
const { id, cursor }: { id: string; cursor: string } = await room.send("msg", { any: "JSON" });
console.log(id, cursor, client.transport === "websocket");
export {};
`;

// In each of these lines the compiler has to find a fault.
const MISTAKES = `import { connect } from "@commchannel/client";
connect("/channel", { clientId: "alice" });
connect("/channel").channel(7);
connect("/channel", { transports: ["sse"] });
`;

/** Compiles a program as a project does, with the types that it finds. */
async function compile(file, text, module, resolution) {
  await writeFile(join(folder, file), text);
  const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"];
  const args = [...options, "--module", module, "--moduleResolution", resolution, file];
  return run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...args], { cwd: folder });
}

test("its types are found as node does, and as bundlers do", async () => {
  await compile("program.ts", PROGRAM, "nodenext", "nodenext");
  await compile("program.ts", PROGRAM, "esnext", "bundler");
});

test("its types tell mistakes", async () => {
  await assert.rejects(compile("mistakes.ts", MISTAKES, "nodenext", "nodenext"), ({ stdout }) => {
    const lines = [...stdout.matchAll(/^mistakes\.ts\((\d+),/gm)].map((found) => found[1]);
    assert.deepEqual(lines, ["2", "3", "4"], stdout);
    return true;
  });
});
