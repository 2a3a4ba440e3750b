import { FIRST_PAUSE, LEAST_PAUSE, MOST_PAUSE } from "./limits.js";

/**
 * How long to wait before an attempt: full jitter over a window that begins
 * at half a second and ends 2, 4, 8, 16, then 20 s out. Never less: when a
 * gateway falls, all of its clients come back at the same moment.
 *
 * @param {() => number} random
 * @param {number} failures attempts that failed before, from 0
 * @returns {number} milliseconds
 */
export function backoff(random, failures) {
  const most = Math.min(MOST_PAUSE, FIRST_PAUSE * 2 ** failures);
  return LEAST_PAUSE + random() * (most - LEAST_PAUSE);
}

/**
 * Just enough delay that those who were told to come at once don't come in
 * the same millisecond.
 *
 * @param {() => number} random
 */
export function jitter(random) {
  return 50 + random() * (LEAST_PAUSE - 50);
}
