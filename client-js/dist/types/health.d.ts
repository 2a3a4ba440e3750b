/** @import { Env } from "./types.js" */
/**
 * The memory of whether WebSocket is worth its try. Some networks never let
 * one open, some let it open and cut it soon after. After three strikes of
 * either kind WebSocket counts as blocked for half an hour, and the tab
 * remembers it over page loads.
 *
 * @param {Env} env
 * @param {string} url
 */
export function webSocketHealth(env: Env, url: string): {
    /** Whether to go without WebSocket for now. */
    blocked: () => boolean;
    /** How long to leave WebSocket alone while long-poll carries everything, in milliseconds. */
    pause: () => number;
    /** A WebSocket failed before welcome. That may as well be a dead gateway. */
    failed(): void;
    /** A long-poll exchange worked: the gateway lives, so it was the WebSocket. */
    pollWorked(): void;
    /** A WebSocket got its welcome. */
    welcomed(): void;
    /** A WebSocket was useful: it brought or took a message, or lived for long. */
    proven(): void;
    /**
     * A WebSocket ended, and not by a word of the gateway.
     *
     * @param {number} life milliseconds since its welcome
     */
    ended(life: number): void;
};
import type { Env } from "./types.js";
