// Two ways to start Chromium. What either gives has a context, to open windows
// in, and close.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATH = process.env.CHROMIUM ?? "/usr/bin/chromium";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Playwright's own way: no back-forward cache, no throttled timers, and no page is ever hidden. */
export async function launch() {
  const browser = await chromium.launch({ executablePath: PATH, args: ARGS });
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  return { context, close: () => browser.close() };
}

/**
 * With all of that. Only the times are others: a hidden page's timers run once
 * a minute after 3 s in the place of 5 minutes, even if it has a WebSocket.
 */
export async function launchPlain() {
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const throttling = "IntensiveWakeUpThrottling:grace_period_seconds/3,AllowAggressiveThrottlingWithWebSocket";
  const plain = [`--user-data-dir=${profile}`, `--enable-features=${throttling}`];
  // The port is what is used. By the pipe it notices the end of this process, whatever that dies of.
  const debugging = ["--remote-debugging-port=0", "--remote-debugging-pipe"];
  const stdio = ["ignore", "ignore", "pipe", "pipe", "pipe"];
  const child = spawn(PATH, [...ARGS, ...plain, ...debugging, "about:blank"], { stdio });
  const ended = once(child, "exit");
  const browser = await chromium.connectOverCDP(await endpoint(child), { noDefaults: true });
  return {
    context: browser.contexts()[0],
    async close() {
      const session = await browser.newBrowserCDPSession();
      // It may be gone before it has answered.
      await session.send("Browser.close").catch(() => {});
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Where a Chromium listens, which it tells on stderr. */
async function endpoint({ stderr }) {
  for await (const line of createInterface({ input: stderr })) {
    const found = /DevTools listening on (ws:.*)/.exec(line);
    if (!found) continue;
    stderr.resume(); // and let it write what else it has to
    return found[1];
  }
  throw new Error("Chromium has ended before it listened");
}
