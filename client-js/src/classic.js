// The classic script: a page that loads it with <script src> has the global
// channelClient.

import { channelClient } from "./seed.js";

// <script src="channelclient.js" data-payload-only> serves pages whose
// callbacks were written for the payload alone.
const script = /** @type {HTMLScriptElement|null} */ (globalThis.document?.currentScript);
channelClient.defaults.payloadOnly = script?.dataset.payloadOnly !== undefined;

/** @type {any} */ (globalThis).channelClient = channelClient;
