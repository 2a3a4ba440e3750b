import { watchPage } from "./page.js";

/** @import { ConnectOptions, Env } from "./types.js" */

/**
 * Gathers what a connection needs of its surroundings, so that nothing below
 * touches a global and tests can put their own clock, network and page.
 *
 * @param {ConnectOptions} options
 * @returns {Env}
 */
export function environment(options) {
  const world = options.window ?? globalThis;
  return {
    WebSocket: "WebSocket" in options ? options.WebSocket : world.WebSocket,
    fetch: options.fetch ?? ((input, init) => world.fetch(input, init)),
    random: options.random ?? Math.random,
    page: watchPage(world),
    // The mere look at sessionStorage throws where cookies are forbidden.
    memory: () => options.storage ?? world.sessionStorage,
    base: world.location?.href,
    ...(options.clock ?? {
      now: () => Date.now(),
      setTimeout: (f, ms) => setTimeout(f, ms),
      clearTimeout: (timer) => clearTimeout(timer),
    }),
  };
}
