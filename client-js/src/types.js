// The shapes that several modules speak of. Types only: this module is empty
// at run time.

/**
 * A frame of the protocol, from or to the gateway: one JSON object. Which
 * fields it has depends on `op`; docs/protocol.md tells all of them.
 *
 * @typedef {object} Frame
 * @property {string} op
 * @property {number} [ref]       the client's own number for a request; it comes back in the answer
 * @property {string} [channel]
 * @property {string} [cursor]    a place in the channel's order
 * @property {string} [id]        a message's id
 * @property {string} [type]
 * @property {any}    [payload]
 * @property {string} [from]
 * @property {string} [reply_to]
 * @property {number} [time]      unix milliseconds
 * @property {string} [clientid]
 * @property {string} [token]
 * @property {string} [since]
 * @property {number} [history]
 * @property {boolean} [echo]
 * @property {boolean} [recovered]
 * @property {string[]} [clients]
 * @property {number} [count]
 * @property {number} [ping]      seconds
 * @property {number} [max_message] bytes
 * @property {number} [retry]     milliseconds
 * @property {string} [reason]
 * @property {string} [code]
 * @property {string} [message]
 */

/**
 * A message as callbacks get it.
 *
 * @typedef {object} Message
 * @property {string} type       "" for a text that is no envelope
 * @property {any}    payload    any JSON value
 * @property {string} [from]     the sender's client id, where it named one
 * @property {string} channel
 * @property {string} id         unique in its channel
 * @property {string} cursor     its place in the channel; good as `since`
 * @property {string} [reply_to] the id of the message that this one answers
 * @property {number} [time]     unix milliseconds, where known
 */

/**
 * What `send` resolves to once the gateway's store has the message.
 *
 * @typedef {{id: string, cursor: string}} Receipt
 */

/**
 * Sends an answer to the message that a callback was called with.
 *
 * @callback Reply
 * @param {string} type
 * @param {any} [payload]
 * @returns {Promise<Receipt>}
 */

/**
 * @callback Handler
 * @param {Message} message
 * @param {Reply} reply
 * @returns {void}
 */

/**
 * Where a connection stands.
 *
 * - `connecting`: a transport is being tried, none is trusted yet
 * - `connected`: `transport` carries everything
 * - `waiting`: the next attempt comes by itself, or when the page is back online
 * - `paused`: the page is hidden for good, or in the back-forward cache
 * - `closed`: over; nothing happens by itself any more
 *
 * @typedef {"connecting"|"connected"|"waiting"|"paused"|"closed"} StateName
 * @typedef {"websocket"|"longpoll"} TransportName
 *
 * @typedef {object} State
 * @property {StateName} state
 * @property {TransportName|null} transport
 */

/**
 * What the state machine knows of a transport. A WebSocket and a long-poll
 * have this one face; nothing but their `kind` tells them apart. A link says
 * hello by itself; whether the gateway hears it, its `welcome` tells.
 *
 * @typedef {object} Link
 * @property {TransportName} kind
 * @property {(frame: Frame) => void} send
 * @property {() => void} close
 */

/**
 * @typedef {object} Clock
 * @property {() => number} now  milliseconds
 * @property {(f: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/**
 * The world around a connection; what a browser has, unless it was given.
 *
 * @typedef {object} Surroundings
 * @property {(new (url: string) => WebSocket)|undefined} WebSocket
 * @property {typeof fetch} fetch
 * @property {() => number} random
 * @property {import("./page.js").Page} page
 * @property {() => Store} memory keeps, for the tab's life, that WebSocket is blocked; may throw
 * @property {string|undefined} base relative URLs are relative to it
 *
 * @typedef {Clock & Surroundings} Env
 * @typedef {Pick<Storage, "getItem"|"setItem">} Store
 */

/**
 * The options of a client that the classic script knows, too.
 *
 * @typedef {object} CoreOptions
 * @property {string} [clientID]    1 to 128 bytes without spaces; one is made up if it is missing
 * @property {string} [token]       a signed token, where the gateway asks for one
 * @property {TransportName[]} [transports] default: both
 * @property {number} [queue]       how many unacknowledged sends are held; default 1000
 * @property {number} [sendTimeout] milliseconds until a send without acknowledgement is rejected; default 30000, at most 100000
 * @property {new (url: string) => WebSocket} [WebSocket] instead of the global one
 * @property {typeof fetch} [fetch] instead of the global one
 * @property {Clock} [clock]        for tests, as are those that follow
 * @property {() => number} [random]
 * @property {any} [window]
 * @property {Store} [storage]
 */

/**
 * Fetches a token. The signal is aborted when the token is not wanted any more
 * or was not there within 10 s. Nothing, or an empty text, is no token.
 *
 * @callback GetToken
 * @param {{signal: AbortSignal}} options
 * @returns {Promise<string|null|undefined>|string|null|undefined}
 */

/**
 * @typedef {CoreOptions & {getToken?: GetToken, shared?: boolean}} ConnectOptions
 *   with `shared`, the browser's tabs have one connection, where they are one
 *   client; `getToken` is called for the token before the first link, unless there is a
 *   `token` to begin with, and again when the gateway says that it has expired
 */

/**
 * @typedef {object} ChannelOptions
 * @property {string} [since]   begin after this place: what a page was rendered from, say
 * @property {number} [history] begin with the newest so many messages; not together with since
 * @property {boolean} [echo]   get one's own messages, too
 */

/**
 * @typedef {object} ChannelEvents
 * @property {{channel: string, cursor: string}} gap some messages before cursor can't be had any more
 * @property {ChannelError} error the subscription was refused
 * @property {Visit} join  somebody else came; only where the gateway keeps presence, and not in the classic script
 * @property {Visit} leave somebody else is gone; as for join
 * @property {{channel: string} & Presence} presence in the place of join and leave, when a channel becomes too
 *   crowded for them, without any `clients`, or is so no more, with all of them; as for join
 *
 * @typedef {{channel: string, clientID: string}} Visit
 * @typedef {{clients: string[], count: number}} Presence the client ids, perhaps not all of them, and how many there are
 * @typedef {ChannelEvents & {state: State}} ClientEvents all but `state` are those of all channels, too
 */

/**
 * Has listener called with every event of that name. What it gives back takes
 * the listener away again.
 *
 * @template Events
 * @typedef {<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void) => () => void} On
 */

/**
 * A connection to a gateway.
 *
 * @template {CoreChannel} [AChannel=CoreChannel]
 * @typedef {object} CoreClient
 * @property {string} clientID who this client is; what others see as a message's `from`
 * @property {StateName} state
 * @property {TransportName|null} transport
 * @property {On<ClientEvents>} on an error that nobody listens for goes to the console
 * @property {(name: string, options?: ChannelOptions) => AChannel} channel
 *   the channel of that name, 1 to 180 bytes without spaces; the same object
 *   every time, with the options of the first
 * @property {() => Promise<number>} ping the milliseconds to the gateway and back; waits for a connection
 * @property {() => void} close ends the connection for good; what is not acknowledged is rejected
 */

/**
 * One channel of a client. It is subscribed to as soon as something is
 * registered on it; for mere sending it needs not be.
 *
 * @typedef {object} CoreChannel
 * @property {string} name
 * @property {string} cursor the place of what was last seen; good as `since`
 * @property {On<ChannelEvents>} on
 * @property {(type: string, handler: Handler) => CoreChannel} register
 *   has handler called with every message of a type, or with all for "*"; one's
 *   own are left out unless the channel has `echo`
 * @property {(type: string, handler?: Handler) => CoreChannel} unregister
 *   without a handler all of that type go; the subscription stays
 * @property {(type: string, payload?: any) => Promise<Receipt>} send
 *   sends a message of a type of at most 256 bytes and anything that JSON can
 *   say; without a connection it waits for one. Rejected with a ChannelError
 * @property {() => void} open subscribes if it isn't already; after close(), from where it was
 * @property {() => void} close ends the subscription; what is registered stays
 */

/**
 * What a channel has beyond that in the ES module.
 *
 * @typedef {object} More
 * @property {(type: string, handler: Handler) => Channel} register   as in CoreChannel
 * @property {(type: string, handler?: Handler) => Channel} unregister as in CoreChannel
 * @property {(type: string, payload?: any, options?: RequestOptions) => Promise<Message>} request
 *   sends a message and gives the first one that answers it, by its `reply_to`.
 *   It subscribes, and sends once an answer can't be missed. Rejected as send
 *   is; with `timeout`; and with the subscription's error
 * @property {(message: Pick<Message, "id">, type: string, payload?: any) => Promise<Receipt>} reply
 *   sends an answer to a message
 * @property {() => Promise<Presence>} presence
 *   who is subscribed. Rejected with `forbidden` where the gateway keeps no presence
 * @property {(options?: MessagesOptions) => AsyncIterableIterator<Message>} messages
 *   all messages from now on, as register("*") would get them, for one loop.
 *   The loop ends with close(). It throws the signal's reason; `too_slow` once
 *   more messages than the buffer holds wait for it; and what the gateway ended
 *   the subscription or the connection with. When it is left, the subscription
 *   ends if nothing but loops wanted it, and the next loop goes on behind it
 *
 * @typedef {object} RequestOptions
 * @property {number} [timeout] milliseconds until the answer must be there; default 10000
 * @property {AbortSignal} [signal] the promise is rejected with its reason
 *
 * @typedef {object} MessagesOptions
 * @property {number} [buffer] how many messages may wait for the loop; default 1000
 * @property {AbortSignal} [signal]
 *
 * @typedef {Omit<CoreChannel, "register"|"unregister"> & More & AsyncIterable<Message>} Channel
 * @typedef {CoreClient<Channel>} Client
 */

/** @typedef {import("./errors.js").ChannelError} ChannelError */

export {};
