/**
 * Calls f. If it throws, the error is written down and nobody else is stopped
 * by it.
 *
 * @param {() => void} f
 */
export function guard(f) {
  try {
    f();
  } catch (error) {
    console.error(error);
  }
}

/**
 * Named events. `Events` maps each name to what its listeners are called with.
 *
 * @template {Record<string, any>} Events
 */
export function newEmitter() {
  /** @type {Set<{name: keyof Events, listener: (event: any) => void}>} */
  const entries = new Set();
  return {
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(event: Events[Name]) => void} listener
     * @returns {() => void} takes the listener away again
     */
    on(name, listener) {
      const mine = { name, listener };
      entries.add(mine);
      return () => void entries.delete(mine);
    },

    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {Events[Name]} event
     * @returns {boolean} whether anybody listened
     */
    emit(name, event) {
      const some = [...entries].filter((entry) => entry.name === name);
      for (const { listener } of some) guard(() => listener(event));
      return some.length > 0;
    },
  };
}
