// The ES module: what a page or a program imports.

import { connect } from "./connect.js";
import { channelClient } from "./seed.js";

// The seed's interface over all that this module can do.
channelClient.connect = connect;

export { ChannelError } from "./errors.js";
export { channelClient, connect };

/** @typedef {import("./types.js").Channel} Channel */
/** @typedef {import("./types.js").ChannelOptions} ChannelOptions */
/** @typedef {import("./types.js").Client} Client */
/** @typedef {import("./types.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./types.js").GetToken} GetToken */
/** @typedef {import("./types.js").Handler} Handler */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").MessagesOptions} MessagesOptions */
/** @typedef {import("./types.js").Presence} Presence */
/** @typedef {import("./types.js").Receipt} Receipt */
/** @typedef {import("./types.js").Reply} Reply */
/** @typedef {import("./types.js").RequestOptions} RequestOptions */
/** @typedef {import("./types.js").State} State */
