// How the two scripts in dist are made of src. Used by the build and by what
// proves dist fresh.

import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** What the classic script may weigh, in bytes after gzip -9. */
const MOST = 5000;

// Names of properties that never leave the client: neither the page nor the
// gateway ever sees them, so they are shortened. A name that is also one of
// the wire's, of an option's or of the browser's must not be here.
const INTERNAL = [
  ["emit", "handler", "listener"], // events
  ["due"], // timers
  ["base", "listen", "memory", "online", "page"], // surroundings
  ["blocked", "ended", "failed", "pause", "pollWorked", "proven", "welcomed"], // health
  ["hello", "kind", "subscriptions", "onend", "onframe", "onleave", "onlink", "onstate"], // connection
  ["accept", "flush", "frames", "refuse", "settle", "timer", "tries"], // outbox
  ["deliver", "frame", "resting", "take", "wanted"], // channels
  ["ask", "client", "env", "newRef"], // what they ask of their client
].flat();

const BANNER = "/*! CommChannel, MIT */";

/**
 * @param {string} root the folder of package.json
 * @returns {Promise<Map<string, Uint8Array>>} by file name in dist
 */
export async function bundle(root) {
  const common = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    tsconfigRaw: {}, // the types' own would have "use strict" written out
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: BANNER },
    mangleProps: new RegExp(`^(${INTERNAL.join("|")})$`),
    write: false,
  };
  const [classic, module] = await Promise.all([
    build({ ...common, entryPoints: ["src/classic.js"], format: "iife" }),
    build({ ...common, entryPoints: ["src/index.js"], format: "esm" }),
  ]);
  return new Map([
    ["channelclient.js", classic.outputFiles[0].contents],
    ["channelclient.mjs", module.outputFiles[0].contents],
  ]);
}

/**
 * Tells what the classic script weighs.
 *
 * @param {Map<string, Uint8Array>} files
 * @returns {number} bytes after gzip -9; throws beyond the bound
 */
export function weigh(files) {
  const size = gzipSync(files.get("channelclient.js"), { level: 9 }).length;
  if (size > MOST) throw new Error(`dist/channelclient.js is ${size} bytes gzipped, the most is ${MOST}`);
  return size;
}
