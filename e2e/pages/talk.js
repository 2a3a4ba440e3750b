// A page for tests: it sends one numbered message after the other, and writes
// down all that happens. Times are milliseconds since 1970.
//
//   talk.began     when it began to connect
//   talk.states    [{state, transport, at}]
//   talk.lost      how often the client was connected, and then was not
//   talk.heard     [{text, at}], and {gap: true, at} where the client tells of a gap
//   talk.said      [{text, at, acked, failed}]; acked is a time, failed an error's code
//   talk.errors    codes of the client's errors
//   talk.life      ["pagehide persisted", ...]: what happened to the page
//   talk.ticked    when a timer of the page ran last
//   talk.begin()   begins to talk, as it has from the start
//   talk.hush()    ends the talking
//   talk.leave(text, url)   sends a last text, and goes to url at once

import { connect } from "/channelclient.mjs";

const PAUSE = 100;

const query = new URLSearchParams(location.search);
const name = query.get("name") ?? "page"; // its messages begin with it
let talking; // the timer
const talk = {
  began: Date.now(),
  states: [],
  lost: 0,
  heard: [],
  said: [],
  errors: [],
  life: [],
  ticked: 0,
  begin: () => (talking = setInterval(say, PAUSE)),
  hush: () => clearInterval(talking),
  leave(text, url) {
    talk.hush();
    room.send("msg", text);
    location.href = url;
  },
  texts: new Set(), // of heard
  settled: () => talk.said.every(({ acked, failed }) => acked || failed),
};
window.talk = talk;

for (const type of ["pagehide", "pageshow"]) {
  addEventListener(type, ({ persisted }) => talk.life.push(type + (persisted ? " persisted" : "")));
}
for (const type of ["online", "offline"]) addEventListener(type, () => talk.life.push(type));
for (const type of ["freeze", "resume"]) document.addEventListener(type, () => talk.life.push(type));
document.addEventListener("visibilitychange", () => talk.life.push(document.visibilityState));

const client = connect("/channel", { clientID: "page", sendTimeout: 90e3, shared: query.has("shared") });
client.on("state", ({ state, transport }) => {
  if (talk.states.at(-1)?.state === "connected" && state !== "connected") talk.lost++;
  talk.states.push({ state, transport: transport ?? "", at: Date.now() });
});
client.on("error", ({ code }) => talk.errors.push(code));

const room = client.channel("room", { since: query.get("since") });
room.on("gap", () => talk.heard.push({ gap: true, at: Date.now() }));
room.register("msg", ({ payload }) => {
  talk.heard.push({ text: payload, at: Date.now() });
  talk.texts.add(payload);
});

function say() {
  talk.ticked = Date.now();
  const saying = { text: `${name} ${talk.said.length}`, at: talk.ticked, acked: 0, failed: "" };
  talk.said.push(saying);
  room.send("msg", saying.text).then(
    () => (saying.acked = Date.now()),
    ({ code }) => (saying.failed = code),
  );
}
talk.begin();
