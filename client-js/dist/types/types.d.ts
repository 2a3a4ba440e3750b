/**
 * A frame of the protocol, from or to the gateway: one JSON object. Which
 * fields it has depends on `op`; docs/protocol.md tells all of them.
 */
export type Frame = {
    op: string;
    /**
     * the client's own number for a request; it comes back in the answer
     */
    ref?: number | undefined;
    channel?: string | undefined;
    /**
     * a place in the channel's order
     */
    cursor?: string | undefined;
    /**
     * a message's id
     */
    id?: string | undefined;
    type?: string | undefined;
    payload?: any;
    from?: string | undefined;
    reply_to?: string | undefined;
    /**
     * unix milliseconds
     */
    time?: number | undefined;
    clientid?: string | undefined;
    token?: string | undefined;
    since?: string | undefined;
    history?: number | undefined;
    echo?: boolean | undefined;
    recovered?: boolean | undefined;
    clients?: string[] | undefined;
    count?: number | undefined;
    /**
     * seconds
     */
    ping?: number | undefined;
    /**
     * bytes
     */
    max_message?: number | undefined;
    /**
     * milliseconds
     */
    retry?: number | undefined;
    reason?: string | undefined;
    code?: string | undefined;
    message?: string | undefined;
};
/**
 * A message as callbacks get it.
 */
export type Message = {
    /**
     * "" for a text that is no envelope
     */
    type: string;
    /**
     * any JSON value
     */
    payload: any;
    /**
     * the sender's client id, where it named one
     */
    from?: string | undefined;
    channel: string;
    /**
     * unique in its channel
     */
    id: string;
    /**
     * its place in the channel; good as `since`
     */
    cursor: string;
    /**
     * the id of the message that this one answers
     */
    reply_to?: string | undefined;
    /**
     * unix milliseconds, where known
     */
    time?: number | undefined;
};
/**
 * What `send` resolves to once the gateway's store has the message.
 */
export type Receipt = {
    id: string;
    cursor: string;
};
/**
 * Sends an answer to the message that a callback was called with.
 */
export type Reply = (type: string, payload?: any) => Promise<Receipt>;
export type Handler = (message: Message, reply: Reply) => void;
/**
 * Where a connection stands.
 *
 * - `connecting`: a transport is being tried, none is trusted yet
 * - `connected`: `transport` carries everything
 * - `waiting`: the next attempt comes by itself, or when the page is back online
 * - `paused`: the page is hidden for good, or in the back-forward cache
 * - `closed`: over; nothing happens by itself any more
 */
export type StateName = "connecting" | "connected" | "waiting" | "paused" | "closed";
/**
 * Where a connection stands.
 *
 * - `connecting`: a transport is being tried, none is trusted yet
 * - `connected`: `transport` carries everything
 * - `waiting`: the next attempt comes by itself, or when the page is back online
 * - `paused`: the page is hidden for good, or in the back-forward cache
 * - `closed`: over; nothing happens by itself any more
 */
export type TransportName = "websocket" | "longpoll";
/**
 * Where a connection stands.
 *
 * - `connecting`: a transport is being tried, none is trusted yet
 * - `connected`: `transport` carries everything
 * - `waiting`: the next attempt comes by itself, or when the page is back online
 * - `paused`: the page is hidden for good, or in the back-forward cache
 * - `closed`: over; nothing happens by itself any more
 */
export type State = {
    state: StateName;
    transport: TransportName | null;
};
/**
 * What the state machine knows of a transport. A WebSocket and a long-poll
 * have this one face; nothing but their `kind` tells them apart. A link says
 * hello by itself; whether the gateway hears it, its `welcome` tells.
 */
export type Link = {
    kind: TransportName;
    send: (frame: Frame) => void;
    close: () => void;
};
export type Clock = {
    /**
     * milliseconds
     */
    now: () => number;
    setTimeout: (f: () => void, ms: number) => any;
    clearTimeout: (timer: any) => void;
};
/**
 * The world around a connection; what a browser has, unless it was given.
 */
export type Surroundings = {
    WebSocket: (new (url: string) => WebSocket) | undefined;
    fetch: typeof fetch;
    random: () => number;
    page: import("./page.js").Page;
    /**
     * keeps, for the tab's life, that WebSocket is blocked; may throw
     */
    memory: () => Store;
    /**
     * relative URLs are relative to it
     */
    base: string | undefined;
};
/**
 * The world around a connection; what a browser has, unless it was given.
 */
export type Env = Clock & Surroundings;
/**
 * The world around a connection; what a browser has, unless it was given.
 */
export type Store = Pick<Storage, "getItem" | "setItem">;
/**
 * The options of a client that the classic script knows, too.
 */
export type CoreOptions = {
    /**
     * 1 to 128 bytes without spaces; one is made up if it is missing
     */
    clientID?: string | undefined;
    /**
     * a signed token, where the gateway asks for one
     */
    token?: string | undefined;
    /**
     * default: both
     */
    transports?: TransportName[] | undefined;
    /**
     * how many unacknowledged sends are held; default 1000
     */
    queue?: number | undefined;
    /**
     * milliseconds until a send without acknowledgement is rejected; default 30000, at most 100000
     */
    sendTimeout?: number | undefined;
    /**
     * instead of the global one
     */
    WebSocket?: (new (url: string) => WebSocket) | undefined;
    /**
     * instead of the global one
     */
    fetch?: typeof fetch | undefined;
    /**
     * for tests, as are those that follow
     */
    clock?: Clock | undefined;
    random?: (() => number) | undefined;
    window?: any;
    storage?: Store | undefined;
};
/**
 * Fetches a token. The signal is aborted when the token is not wanted any more
 * or was not there within 10 s. Nothing, or an empty text, is no token.
 */
export type GetToken = (options: {
    signal: AbortSignal;
}) => Promise<string | null | undefined> | string | null | undefined;
/**
 * with `shared`, the browser's tabs have one connection, where they are one
 * client; `getToken` is called for the token before the first link, unless there is a
 * `token` to begin with, and again when the gateway says that it has expired
 */
export type ConnectOptions = CoreOptions & {
    getToken?: GetToken;
    shared?: boolean;
};
export type ChannelOptions = {
    /**
     * begin after this place: what a page was rendered from, say
     */
    since?: string | undefined;
    /**
     * begin with the newest so many messages; not together with since
     */
    history?: number | undefined;
    /**
     * get one's own messages, too
     */
    echo?: boolean | undefined;
};
export type ChannelEvents = {
    /**
     * some messages before cursor can't be had any more
     */
    gap: {
        channel: string;
        cursor: string;
    };
    /**
     * the subscription was refused
     */
    error: ChannelError;
    /**
     * somebody else came; only where the gateway keeps presence, and not in the classic script
     */
    join: Visit;
    /**
     * somebody else is gone; as for join
     */
    leave: Visit;
    /**
     * in the place of join and leave, when a channel becomes too
     * crowded for them, without any `clients`, or is so no more, with all of them; as for join
     */
    presence: {
        channel: string;
    } & Presence;
};
export type Visit = {
    channel: string;
    clientID: string;
};
/**
 * the client ids, perhaps not all of them, and how many there are
 */
export type Presence = {
    clients: string[];
    count: number;
};
/**
 * all but `state` are those of all channels, too
 */
export type ClientEvents = ChannelEvents & {
    state: State;
};
/**
 * Has listener called with every event of that name. What it gives back takes
 * the listener away again.
 */
export type On<Events> = <Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void) => () => void;
/**
 * A connection to a gateway.
 */
export type CoreClient<AChannel extends CoreChannel = CoreChannel> = {
    /**
     * who this client is; what others see as a message's `from`
     */
    clientID: string;
    state: StateName;
    transport: TransportName | null;
    /**
     * an error that nobody listens for goes to the console
     */
    on: On<ClientEvents>;
    /**
     *   the channel of that name, 1 to 180 bytes without spaces; the same object
     *   every time, with the options of the first
     */
    channel: (name: string, options?: ChannelOptions) => AChannel;
    /**
     * the milliseconds to the gateway and back; waits for a connection
     */
    ping: () => Promise<number>;
    /**
     * ends the connection for good; what is not acknowledged is rejected
     */
    close: () => void;
};
/**
 * One channel of a client. It is subscribed to as soon as something is
 * registered on it; for mere sending it needs not be.
 */
export type CoreChannel = {
    name: string;
    /**
     * the place of what was last seen; good as `since`
     */
    cursor: string;
    on: On<ChannelEvents>;
    /**
     *   has handler called with every message of a type, or with all for "*"; one's
     *   own are left out unless the channel has `echo`
     */
    register: (type: string, handler: Handler) => CoreChannel;
    /**
     *   without a handler all of that type go; the subscription stays
     */
    unregister: (type: string, handler?: Handler) => CoreChannel;
    /**
     *   sends a message of a type of at most 256 bytes and anything that JSON can
     *   say; without a connection it waits for one. Rejected with a ChannelError
     */
    send: (type: string, payload?: any) => Promise<Receipt>;
    /**
     * subscribes if it isn't already; after close(), from where it was
     */
    open: () => void;
    /**
     * ends the subscription; what is registered stays
     */
    close: () => void;
};
/**
 * What a channel has beyond that in the ES module.
 */
export type More = {
    /**
     * as in CoreChannel
     */
    register: (type: string, handler: Handler) => Channel;
    /**
     * as in CoreChannel
     */
    unregister: (type: string, handler?: Handler) => Channel;
    /**
     *   sends a message and gives the first one that answers it, by its `reply_to`.
     *   It subscribes, and sends once an answer can't be missed. Rejected as send
     *   is; with `timeout`; and with the subscription's error
     */
    request: (type: string, payload?: any, options?: RequestOptions) => Promise<Message>;
    /**
     *   sends an answer to a message
     */
    reply: (message: Pick<Message, "id">, type: string, payload?: any) => Promise<Receipt>;
    /**
     *   who is subscribed. Rejected with `forbidden` where the gateway keeps no presence
     */
    presence: () => Promise<Presence>;
    /**
     *   all messages from now on, as register("*") would get them, for one loop.
     *   The loop ends with close(). It throws the signal's reason; `too_slow` once
     *   more messages than the buffer holds wait for it; and what the gateway ended
     *   the subscription or the connection with. When it is left, the subscription
     *   ends if nothing but loops wanted it, and the next loop goes on behind it
     */
    messages: (options?: MessagesOptions) => AsyncIterableIterator<Message>;
};
/**
 * What a channel has beyond that in the ES module.
 */
export type RequestOptions = {
    /**
     * milliseconds until the answer must be there; default 10000
     */
    timeout?: number | undefined;
    /**
     * the promise is rejected with its reason
     */
    signal?: AbortSignal | undefined;
};
/**
 * What a channel has beyond that in the ES module.
 */
export type MessagesOptions = {
    /**
     * how many messages may wait for the loop; default 1000
     */
    buffer?: number | undefined;
    signal?: AbortSignal | undefined;
};
/**
 * What a channel has beyond that in the ES module.
 */
export type Channel = Omit<CoreChannel, "register" | "unregister"> & More & AsyncIterable<Message>;
/**
 * What a channel has beyond that in the ES module.
 */
export type Client = CoreClient<Channel>;
export type ChannelError = import("./errors.js").ChannelError;
