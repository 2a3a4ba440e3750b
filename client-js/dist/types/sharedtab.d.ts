/**
 * One tab of a room. It wears the face of a connection, which is that of the
 * room's leader, be that this tab or another one.
 *
 *     enter -> wait for a word of the leader, and for the lock
 *     the lock is ours -> lead, too
 *     a word of the leader -> follow, and listen for the next one
 *     silence -> ask, ask again, enter anew with the lock taken by force
 *     the page goes away, or is frozen -> leave; it is back -> enter
 *     the lock was taken from us, or we can't be served -> go alone
 *
 * @param {Env} env
 * @param {string} url absolute, http or https
 * @param {Owner} owner
 * @param {TransportName[]} kinds
 * @param {Room} room
 * @param {Stay} stay makes a connection of one's own
 * @returns {ReturnType<Stay>}
 */
export function joinTabs(env: Env, url: string, owner: Owner, kinds: TransportName[], room: Room, stay: Stay): ReturnType<Stay>;
import type { Env } from "./types.js";
import type { Owner } from "./connection.js";
import type { TransportName } from "./types.js";
import type { Room } from "./shared.js";
import type { Stay } from "./shared.js";
