// Chromium, driven line by line, through playwright-core.
//
//   node browser.mjs          for looking at pages: each is as if in front, all the time
//   node browser.mjs plain    as people have it; launch.mjs tells what that means
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
//   {"do":"look","window":W,"width":X,"height":Y,"scheme":S}   S is "light" or "dark"
//   {"do":"go","window":W,"url":U}        to another page
//   {"do":"back","window":W}              to the one before
//   {"do":"reload","window":W}
//   {"do":"front","window":W}             a plain browser hides all others
//   {"do":"freeze","window":W}            as a browser does with a hidden page; {"do":"thaw"} ends it
//   {"do":"close","window":W}
//   {"do":"crash","window":W}             its process ends in the middle of whatever it does
//   {"do":"offline","on":B}               the whole browser
//   {"do":"dialogs","window":W}           the texts of its alerts so far, which are closed at once
//
// What pages write to their console, and what they fail to catch, goes to
// stderr. Windows are of one browser. The end of stdin closes it.

import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { launch, launchPlain } from "./launch.mjs";

const PATIENCE = 30e3;

const { context, close } = await (process.argv[2] === "plain" ? launchPlain() : launch());
context.setDefaultTimeout(PATIENCE);

/** @type {Map<string, import("playwright-core").Page>} */
const windows = new Map();
/** @type {Map<string, string[]>} by window */
const dialogs = new Map();

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
  dialogs.set(name, []);
  page.on("dialog", (dialog) => {
    dialogs.get(name).push(dialog.message());
    return dialog.accept();
  });
  if (noWebSocket) await page.addInitScript(blockWebSocket);
  await page.goto(url);
}

// page.waitForFunction looks again from within the page, whose policy may
// forbid it to evaluate anything.
async function waitUntil(page, { until }) {
  for (const end = Date.now() + PATIENCE; !(await holds(page, until)); await setTimeout(50)) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE} ms; the page shows: ${await page.innerText("body")}`);
  }
}

/** Of a page that is on its way to another one, nothing is true. */
async function holds(page, expression) {
  try {
    return await page.evaluate(expression);
  } catch (error) {
    if (!/Execution context was destroyed|navigat/.test(error)) throw error;
    return false;
  }
}

async function setLifecycle(page, state) {
  const session = await context.newCDPSession(page);
  await session.send("Page.setWebLifecycleState", { state });
  await session.detach();
}

async function crash(page) {
  const crashed = new Promise((resolve) => page.once("crash", resolve));
  const session = await context.newCDPSession(page);
  session.send("Page.crash").catch(() => {}); // nobody is left to answer
  await crashed;
}

const commands = {
  fill: (page, { selector, text }) => page.fill(selector, text),
  press: (page, { selector, key }) => page.press(selector, key),
  click: (page, { selector }) => page.click(selector),
  wait: waitUntil,
  value: (page, { of }) => page.evaluate(of),
  screenshot: async (page, { file }) => void (await page.screenshot({ path: file })),
  look: async (page, { width, height, scheme }) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme });
  },
  go: async (page, { url }) => void (await page.goto(url)),
  // A page out of the back-forward cache is not loaded: goBack would wait for that.
  back: (page) => page.evaluate("void history.back()"),
  reload: async (page) => void (await page.reload()),
  front: (page) => page.bringToFront(),
  freeze: (page) => setLifecycle(page, "frozen"),
  thaw: (page) => setLifecycle(page, "active"),
  close: (page) => page.close(),
  crash,
  offline: (_, { on }) => context.setOffline(on),
  dialogs: (_, { window }) => dialogs.get(window),
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
await close();
