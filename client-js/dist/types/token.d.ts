export function withToken(stay: typeof stayConnected, options: ConnectOptions): typeof stayConnected;
import type { stayConnected } from "./connection.js";
import type { ConnectOptions } from "./types.js";
