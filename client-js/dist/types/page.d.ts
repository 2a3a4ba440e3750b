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
export function watchPage(world: any): Page;
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
 */
export type PageEvent = "hide" | "show" | "wake" | "online";
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
 */
export type Page = {
    /**
     * false if an attempt to connect is pointless
     */
    online: () => boolean;
    /**
     * gives back what ends it
     */
    listen: (told: (event: PageEvent) => void) => (() => void);
};
