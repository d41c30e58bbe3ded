import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici";
import { type HttpProxy, ProxyError, type ProxySettings } from "./proxy.ts";

/** Settings of connections. */
export interface ConnectionRules {
  /** ms until a connection must be established. */
  readonly connectTimeout: number;
  /** Connections to one origin at a time; default: as many as there are requests. */
  readonly connections?: number;
}

/** ms for which an idle connection is kept: less than servers and middleboxes keep it. */
const idleTime = 15_000;

/** undici's connections, directly or through the proxies of the environment. HTTP/1.1 only. */
export function makeDispatcher(rules: ConnectionRules, proxies: ProxySettings): Dispatcher {
  const options = {
    // With HTTP/2 all requests to a host share one connection: a long round trip limits it, and a layer that fills it
    // delays all other requests.
    allowH2: false,
    keepAliveTimeout: idleTime,
    keepAliveMaxTimeout: idleTime,
    maxHeaderSize: 32 * 1024,
    ...(rules.connections !== undefined && { connections: rules.connections }),
  };
  const { http, https, direct } = proxies;
  if (!http && !https) return new Agent({ ...options, connect: { timeout: rules.connectTimeout } });
  const proxyOf = (url: string | URL): HttpProxy | undefined =>
    [https, http].find((proxy) => proxy && new URL(proxy.url).origin === new URL(url).origin);
  const toProxy = (url: string | URL, connect: buildConnector.connector): Pool =>
    new Pool(url, { ...options, connect: naming(proxyOf(url), connect) });
  return new EnvHttpProxyAgent({
    ...options,
    ...(http && { httpProxy: http.url }),
    ...(https && { httpsProxy: https.url }),
    noProxy: direct,
    connect: buildConnector({ timeout: rules.connectTimeout, allowH2: false }),
    connectTimeout: rules.connectTimeout,
    proxyTls: { allowH2: false } as buildConnector.BuildOptions,
    requestTls: { allowH2: false } as buildConnector.BuildOptions,
    clientFactory: (url, { connect }: { connect?: buildConnector.connector }) => toProxy(url, connect!),
    factory: (origin, { connect, ...rest }: Pool.Options) =>
      proxyOf(origin) && typeof connect === "function"
        ? toProxy(origin, connect)
        : new Pool(origin, { ...rest, ...(connect && { connect }) }),
  });
}

/** A connector whose errors name the proxy. */
function naming(proxy: HttpProxy | undefined, connect: buildConnector.connector): buildConnector.connector {
  if (!proxy) return connect;
  return (to, callback) =>
    connect(to, (...[error, socket]) =>
      error ? callback(new ProxyError(proxy, { cause: error }), null) : callback(null, socket!),
    );
}

/** Turns undici's error for a proxy's response to CONNECT, or for its 407, into an error that names the proxy. */
export function explainProxy(error: Error, protocol: string, { http, https }: ProxySettings): Error {
  const proxy = protocol === "https:" ? https : http;
  if (!proxy) return error;
  const status = /^Proxy response \((\d+)\)|^Proxy Authentication Required \((407)\)/.exec(error.message);
  return status ? new ProxyError(proxy, { status: Number(status[1] ?? status[2]) }) : error;
}
