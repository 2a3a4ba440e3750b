/**
 * What failed. `code` is for programs: one of the gateway's error codes, or
 * one of the client's own:
 *
 * - `queue_full`: too many unacknowledged sends
 * - `timeout`: not acknowledged or not answered in time; the message may or may not have arrived
 * - `unconfirmed`: the connection broke twice over it; as for timeout
 * - `closed`: the connection was closed
 * - `too_slow`: more messages waited for a loop than its buffer holds
 * - `no_token`: getToken has failed
 */
export class ChannelError extends Error {
    /**
     * @param {string} code
     * @param {string} [message] for people
     */
    constructor(code: string, message?: string);
    code: string;
}
/**
 * The errors after which a client does not come back by itself: those of the
 * close codes from 4200 on, in their order. The last one has none on the
 * wire; the WebSocket of a client with such a name is not welcomed.
 *
 * @type {(string|undefined)[]}
 */
export const FINAL: (string | undefined)[];
export function ending(code: number): ChannelError;
