// The ES module: what a page or a program imports.

export { connect } from "./client.js";
export { ChannelError } from "./errors.js";
export { channelClient } from "./seed.js";

/** @typedef {import("./types.js").Channel} Channel */
/** @typedef {import("./types.js").ChannelOptions} ChannelOptions */
/** @typedef {import("./types.js").Client} Client */
/** @typedef {import("./types.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./types.js").Handler} Handler */
/** @typedef {import("./types.js").Message} Message */
/** @typedef {import("./types.js").Receipt} Receipt */
/** @typedef {import("./types.js").Reply} Reply */
/** @typedef {import("./types.js").State} State */
