// Writes the scripts in dist. The types beside them are tsc's.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { bundle, weigh } from "./bundle.mjs";

const root = new URL("..", import.meta.url).pathname;
const files = await bundle(root);
const size = weigh(files);
rmSync(root + "dist", { recursive: true, force: true });
mkdirSync(root + "dist");
for (const [name, contents] of files) writeFileSync(root + "dist/" + name, contents);
console.log(`dist/channelclient.js: ${files.get("channelclient.js").length} bytes, ${size} gzipped`);
