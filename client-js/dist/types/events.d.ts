/**
 * Calls f. If it throws, the error is written down and nobody else is stopped
 * by it.
 *
 * @param {() => void} f
 */
export function guard(f: () => void): void;
/**
 * Named events. `Events` maps each name to what its listeners are called with.
 *
 * @template {Record<string, any>} Events
 */
export function newEmitter<Events extends Record<string, any>>(): {
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(event: Events[Name]) => void} listener
     * @returns {() => void} takes the listener away again
     */
    on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {Events[Name]} event
     * @returns {boolean} whether anybody listened
     */
    emit<Name extends keyof Events>(name: Name, event: Events[Name]): boolean;
};
