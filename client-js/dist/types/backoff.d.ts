/**
 * How long to wait before an attempt: full jitter over a window that begins
 * at half a second and ends 2, 4, 8, 16, then 20 s out. Never less: when a
 * gateway falls, all of its clients come back at the same moment.
 *
 * @param {() => number} random
 * @param {number} failures attempts that failed before, from 0
 * @returns {number} milliseconds
 */
export function backoff(random: () => number, failures: number): number;
/**
 * Just enough delay that those who were told to come at once don't come in
 * the same millisecond.
 *
 * @param {() => number} random
 */
export function jitter(random: () => number): number;
