// Moves the JavaScript client for the conformance kit; package clients tells
// what it is told, and what it tells.
//
//   node jsclient.mjs URL CHANNEL CLIENTID TRANSPORT

import { createInterface } from "node:readline";
import WebSocket from "ws";
import { connect } from "../../../client-js/dist/channelclient.mjs";

const [url, channel, clientID, transport] = process.argv.slice(2);
const tell = (report) => process.stdout.write(JSON.stringify(report) + "\n");

const client = connect(url, { clientID, transports: [transport], WebSocket });
let code;
client.on("error", (error) => (code = error.code));
client.on("gap", () => tell({ event: "gap" }));
let leaving = false;
client.on("state", ({ state }) => {
  if (state === "closed" && !leaving) setTimeout(() => tell({ event: "ended", code })); // the error may be told behind it
});
const room = client.channel(channel);
room.register("*", ({ id, type, from, payload }) => tell({ event: "message", id, type, from, payload }));

for await (const line of createInterface({ input: process.stdin })) {
  const { type, payload } = JSON.parse(line);
  room.send(type, payload).then(
    ({ id }) => tell({ event: "sent", id }),
    (error) => tell({ event: "failed", code: error.code }),
  );
}
leaving = true;
client.close();
