/**
 * What happens to the page that matters to a connection:
 *
 * - `hide`: it goes away, for good or into the back-forward cache
 * - `show`: it came back out of that cache
 * - `wake`: it is seen again, or runs again after it was frozen; its sockets
 *   may be dead without knowing
 * - `online`: the network came back; the sockets may be dead here, too
 *
 * A frozen page needs no word of its own: none of its timers run.
 *
 * @typedef {"hide"|"show"|"wake"|"online"} PageEvent
 *
 * @typedef {object} Page
 * @property {() => boolean} online false if an attempt to connect is pointless
 * @property {(told: (event: PageEvent) => void) => (() => void)} listen gives back what ends it
 */

/**
 * @param {any} world a Window, a worker's scope, or something with less: node's global object has none of it
 * @returns {Page}
 */
export function watchPage(world) {
  const doc = world.document;
  return {
    online: () => world.navigator?.onLine !== false,

    listen(told) {
      const until = new AbortController();
      const on = (/** @type {any} */ target, /** @type {string} */ type, /** @type {(e: any) => void} */ f) =>
        target?.addEventListener?.(type, f, until);
      // Never "unload": it keeps a page out of the back-forward cache.
      on(world, "pagehide", () => told("hide"));
      on(world, "pageshow", (e) => e.persisted && told("show"));
      on(world, "online", () => told("online"));
      on(doc, "visibilitychange", () => doc.visibilityState === "visible" && told("wake"));
      on(doc, "resume", () => told("wake"));
      return () => until.abort();
    },
  };
}
