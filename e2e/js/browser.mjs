// Chromium, driven line by line, through playwright-core.
//
//   node browser.mjs
//
// Each line on stdin is a JSON object and is answered by one line on stdout,
// {"ok":true,"value":V} or {"ok":false,"error":E}:
//
//   {"do":"open","window":W,"url":U}      "noWebSocket":true lets none of its WebSockets connect
//   {"do":"fill","window":W,"selector":S,"text":T}
//   {"do":"press","window":W,"selector":S,"key":K}
//   {"do":"click","window":W,"selector":S}
//   {"do":"wait","window":W,"until":JS}   until the expression is true
//   {"do":"value","window":W,"of":JS}     the expression's value
//   {"do":"screenshot","window":W,"file":F}
//
// What pages write to their console, and what they fail to catch, goes to
// stderr. Windows are of one browser. The end of stdin closes it.

import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { chromium } from "playwright-core";

const PATIENCE = 30e3;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
context.setDefaultTimeout(PATIENCE);

/** @type {Map<string, import("playwright-core").Page>} */
const windows = new Map();

/** Every WebSocket of the page goes where nobody listens. */
function blockWebSocket() {
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor() {
      super("ws://127.0.0.1:9/");
    }
  };
}

async function open({ window: name, url, noWebSocket }) {
  const page = await context.newPage();
  windows.set(name, page);
  page.on("console", (message) => console.error(`${name}: ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => console.error(`${name}: uncaught: ${error.stack ?? error}`));
  if (noWebSocket) await page.addInitScript(blockWebSocket);
  await page.goto(url);
}

// page.waitForFunction looks again from within the page, whose policy may
// forbid it to evaluate anything.
async function waitUntil(page, { until }) {
  for (const end = Date.now() + PATIENCE; !(await page.evaluate(until)); await setTimeout(50)) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE} ms; the page shows: ${await page.innerText("body")}`);
  }
}

const commands = {
  fill: (page, { selector, text }) => page.fill(selector, text),
  press: (page, { selector, key }) => page.press(selector, key),
  click: (page, { selector }) => page.click(selector),
  wait: waitUntil,
  value: (page, { of }) => page.evaluate(of),
  screenshot: async (page, { file }) => void (await page.screenshot({ path: file })),
};

async function perform(command) {
  if (command.do === "open") return open(command);
  return commands[command.do](windows.get(command.window), command);
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { ok: true, value: await perform(JSON.parse(line)) };
  } catch (error) {
    answer = { ok: false, error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
