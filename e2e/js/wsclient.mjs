// A WebSocket client, driven line by line, on the npm package "ws".
//
//   node wsclient.mjs
//
// Each line on stdin is a JSON object:
//
//   {"do":"connect","url":U,"origin":O}   O may be missing
//   {"do":"send","text":S}                a text message
//   {"do":"pause"} {"do":"resume"}        stops reading the socket, and goes on
//   {"do":"close","code":C}               says goodbye
//   {"do":"terminate"}                    cuts the connection
//
// Each line on stdout tells of an event:
//
//   {"event":"open"} {"event":"text","text":S} {"event":"paused"}
//   {"event":"close","code":C,"reason":R} {"event":"refused","error":E}
//
// The end of stdin ends it.

import { createInterface } from "node:readline";
import WebSocket from "ws";

const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");

/** @type {WebSocket | undefined} */
let socket;

function connect({ url, origin }) {
  socket = new WebSocket(url, { origin, perMessageDeflate: false });
  let error = "";
  let opened = false;
  socket.on("open", () => {
    opened = true;
    tell({ event: "open" });
  });
  socket.on("message", (data, isBinary) => tell(isBinary ? { event: "binary" } : { event: "text", text: data.toString() }));
  socket.on("error", (e) => (error = e.message));
  socket.on("close", (code, reason) => {
    if (opened) tell({ event: "close", code, reason: reason.toString() });
    else tell({ event: "refused", error });
  });
}

const commands = {
  connect,
  send: ({ text }) => socket.send(text),
  pause: () => {
    socket.pause();
    tell({ event: "paused" });
  },
  resume: () => socket.resume(),
  close: ({ code }) => socket.close(code),
  terminate: () => socket.terminate(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  commands[command.do](command);
}
socket?.terminate();
