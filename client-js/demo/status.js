// What the page shows of its connection.

import { newChart } from "./chart.js";
import { $, spoken } from "./dom.js";

/** @import { Client } from "./channelclient.mjs" */

const PING_EVERY = 2000; // milliseconds
const LOADING = 500; // so long after its start a page is too busy to measure anything

const TRANSPORTS = { websocket: "WebSocket", longpoll: "Long-poll" };
const STATES = {
  connecting: "Connecting",
  connected: "Connected",
  waiting: "Reconnecting",
  paused: "Paused",
  closed: "Closed",
};

/** @param {() => Client} current the client to look at */
export function newStatus(current) {
  const chart = newChart($("line"), $("area"));

  /** Sends a ping and shows how long its answer took. */
  async function measure() {
    const client = current();
    const { transport } = client;
    if (!transport || document.hidden) return;
    const began = performance.now();
    try {
      await client.ping();
    } catch {
      return; // the state tells
    }
    if (client !== current() || client.transport !== transport) return;
    const ms = performance.now() - began;
    if (began < LOADING) return;
    $("latency").textContent = ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
    chart.add(ms);
  }

  document.addEventListener("visibilitychange", measure);
  setInterval(measure, PING_EVERY);

  return {
    show() {
      const { state, transport } = current();
      const name = transport ? TRANSPORTS[transport] : "–";
      $("transport").textContent = name;
      $("state").textContent = STATES[state];
      Object.assign($("badge").dataset, { state, transport: transport ?? "" });
      $("badge-text").replaceChildren(...(transport ? [spoken("Connected over "), name] : [STATES[state]]));
      if (!transport) $("latency").textContent = "–";
      measure();
    },
  };
}
