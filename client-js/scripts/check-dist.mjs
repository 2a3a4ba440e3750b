// Fails if dist is not what a fresh build makes: it is committed, embedded
// into the gateway and published, so it must not lag behind src.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, weigh } from "./bundle.mjs";

const root = new URL("..", import.meta.url).pathname;
const fresh = mkdtempSync(join(tmpdir(), "commchannel-dist-"));

/**
 * @param {string} dir
 * @returns {Map<string, string>} by path below dir
 */
function read(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      return [path.slice(dir.length + 1), readFileSync(path, "latin1")];
    }),
  );
}

try {
  const scripts = await bundle(root);
  for (const [name, contents] of scripts) writeFileSync(join(fresh, name), contents);
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--outDir", join(fresh, "types")], {
    cwd: root,
    stdio: "inherit",
  });
  const got = read(join(root, "dist"));
  const want = read(fresh);
  const stale = [...new Set([...got.keys(), ...want.keys()])].filter((name) => got.get(name) !== want.get(name));
  if (stale.length) throw new Error(`dist differs from a fresh build, run npm run build: ${stale.sort().join(", ")}`);
  console.log(`dist is fresh; channelclient.js is ${weigh(scripts)} bytes gzipped`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true });
}
