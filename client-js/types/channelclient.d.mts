// The demo page loads the client from beside itself, as the gateway serves it.
// For the type checker this stands there.
export * from "../src/index.js";
