import { backoff, jitter } from "./backoff.js";
import { ending } from "./errors.js";
import { TOKEN_ANSWER, TOKEN_SERVED } from "./limits.js";
import { newTimer } from "./timer.js";

/** @import { PageEvent } from "./page.js" */
/** @import { stayConnected } from "./connection.js" */
/** @import { ConnectOptions, Frame, GetToken, StateName, TransportName } from "./types.js" */

const UNAUTHORIZED = 4201;
const EXPIRED = 4202;

/**
 * Stays connected with a token that is fetched: before the first link, and
 * each time the gateway says that it has expired.
 *
 * To the connection below, the page is offline for as long as there is no
 * token. So there is but one state machine that knows of links, of pauses and
 * of the page; here are only the token, and when to ask for it.
 *
 * @param {typeof stayConnected} stay
 * @param {ConnectOptions} options whose `token` is kept up to date, for every hello to take
 * @returns {typeof stayConnected}
 */
export const withToken = (stay, options) => (env, url, owner, kinds) => {
  const { now, random, page } = env;
  const getToken = /** @type {GetToken} */ (options.getToken);

  /** @type {AbortController|undefined} */
  let fetching;
  let fetched = -Infinity; // when it was asked for a token the last time
  let failures = 0; // since one served
  let refused = false; // the last token was no good, and none was good since
  let away = false; // the page is
  let ended = false;
  const late = newTimer(env);
  const next = newTimer(env);

  // Of the connection below.
  /** @type {ReturnType<typeof stayConnected>} */
  let connection;
  /** @type {[StateName, TransportName|null]} */
  let state = ["waiting", null];
  let told = (/** @type {PageEvent} */ _) => {};

  function open() {
    connection = stay({ ...env, page: { online, listen } }, url, { ...owner, onlink, onframe, onstate, onend }, kinds);
  }

  // ---- the token ----

  function fetchToken() {
    stop();
    if (!page.online()) return;
    const mine = (fetching = new AbortController());
    fetched = now();
    /** @type {<Value>(then: (value: Value) => void) => (value: Value) => void} */
    const once = (then) => (value) => {
      if (mine !== fetching) return;
      fetching = undefined;
      late.clear();
      then(value);
      tell();
    };
    const failed = once(onfailure);
    late.set(TOKEN_ANSWER, () => {
      failed(new Error(`getToken took more than ${TOKEN_ANSWER / 1e3} s`));
      mine.abort();
    });
    (async () => getToken({ signal: mine.signal }))().then(once(ontoken), failed);
    tell();
  }

  /** @param {any} token */
  function ontoken(token) {
    token ??= "";
    if (typeof token !== "string") return onfailure(new TypeError("getToken gave something else than a text"));
    options.token = token;
    told("show"); // there is something to try now
  }

  /** @param {any} error what getToken threw */
  function onfailure(error) {
    again();
    owner.onframe({ op: "error", code: "no_token", message: String(error?.message ?? error) });
  }

  /**
   * Sees to the next token.
   *
   * @returns {boolean} whether the last one served for a while: then that it ended is no failure
   */
  function again() {
    const served = now() - fetched >= TOKEN_SERVED;
    if (served) failures = 0;
    next.set(served ? jitter(random) : backoff(random, failures++), fetchToken);
    return served;
  }

  function stop() {
    next.clear();
    late.clear();
    fetching?.abort();
    fetching = undefined;
  }

  // ---- what the connection below is told ----

  const online = () => options.token !== undefined && page.online();

  /** @param {(event: PageEvent) => void} listener */
  function listen(listener) {
    const unlisten = page.listen((event) => {
      if (event === "hide" || event === "show") away = event === "hide";
      if (away) stop();
      else if (options.token === undefined && !fetching) next.set(jitter(random), fetchToken);
      listener(event);
    });
    told = listener;
    return () => {
      told = () => {};
      unlisten();
    };
  }

  // ---- what it tells ----

  /** @param {Frame} welcome */
  function onlink(welcome) {
    refused = false;
    owner.onlink(welcome);
  }

  /** @param {Frame} frame */
  function onframe(frame) {
    const { op, code, ref } = frame;
    if (op === "error" && code === "token_expired") {
      connection.close();
      onend(EXPIRED);
    } else if (op !== "error" || code !== "unauthorized" || ref || refused) {
      owner.onframe(frame); // else the close code that follows has a remedy
    }
  }

  /**
   * @param {StateName} name
   * @param {TransportName|null} transport
   */
  function onstate(name, transport) {
    if (name === "closed") return; // it is for close and onend to tell
    state = [name, transport];
    tell();
  }

  /** @param {number} code */
  function onend(code) {
    if (code !== EXPIRED && (code !== UNAUTHORIZED || refused)) {
      end();
      return owner.onend(code);
    }
    const { code: name = "", message } = ending(code);
    refused = code === UNAUTHORIZED;
    options.token = undefined;
    const served = again();
    open();
    // A token that was hardly there: that is more than the course of things.
    if (!served) owner.onframe({ op: "error", code: name, message });
  }

  // ---- ends ----

  function tell() {
    const [name, transport] = state;
    if (!ended) owner.onstate(name === "waiting" && fetching ? "connecting" : name, transport);
  }

  function end() {
    ended = true;
    stop();
    connection.close();
    owner.onstate("closed", null);
  }

  if (options.token === undefined) fetchToken();
  open();
  return { send: (frame) => connection.send(frame), close: end };
};
