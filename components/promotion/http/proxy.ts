import { codeOf } from "./errors.ts";

/** The proxies that the environment names. */
export interface ProxySettings {
  /** For URLs with `http:`. */
  readonly http: HttpProxy | undefined;
  /** For URLs with `https:`. */
  readonly https: HttpProxy | undefined;
  /** Hosts that are connected to directly, in the format of NO_PROXY. */
  readonly direct: string;
}

/** One proxy. */
export interface HttpProxy {
  readonly url: string;
  /** The URL without user and password, and the variable that names it, for messages: `http://proxy:3128 (HTTPS_PROXY)`. */
  readonly title: string;
}

/** Loopback addresses are always connected to directly, since a proxy could not reach them (as in Go's net/http). */
const loopback = "localhost,127.0.0.1,::1";

/**
 * Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Lower-case names take precedence, as in curl. HTTPS_PROXY defaults to HTTP_PROXY, as in npm.
 * @throws Error that names the variable, if its value is not the URL of an HTTP proxy.
 */
export function proxySettings(environment: NodeJS.ProcessEnv): ProxySettings {
  const http = proxyIn(environment, "HTTP_PROXY");
  const https = proxyIn(environment, "HTTPS_PROXY") ?? http;
  const direct = environment["no_proxy"] ?? environment["NO_PROXY"] ?? "";
  return { http, https, direct: direct === "" ? loopback : `${direct},${loopback}` };
}

/** The same settings for Node's own agents (`proxyEnv`). */
export function nodeProxies(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const { http, https, direct } = proxySettings(environment);
  return {
    ...(http && { HTTP_PROXY: http.url }),
    ...(https && { HTTPS_PROXY: https.url }),
    NO_PROXY: direct,
  };
}

/** Turns the error of Node's agents for a refused tunnel into one that names the proxy; undefined for other errors. */
export function nodeTunnelError(error: unknown, environment: NodeJS.ProcessEnv): ProxyError | undefined {
  const { https } = proxySettings(environment);
  if (!https || codeOf(error) !== "ERR_PROXY_TUNNEL") return undefined;
  const { statusCode } = error as { readonly statusCode?: unknown };
  return typeof statusCode === "number"
    ? new ProxyError(https, { status: statusCode })
    : new ProxyError(https, { cause: error as Error });
}

function proxyIn(environment: NodeJS.ProcessEnv, name: string): HttpProxy | undefined {
  const used = environment[name.toLowerCase()] === undefined ? name : name.toLowerCase();
  const value = environment[used]?.trim() ?? "";
  if (value === "") return undefined;
  const text = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The value may contain a password, so it is not quoted.
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new Error(
      `the environment variable ${used} must be the URL of an HTTP proxy, such as http://proxy.example:3128`,
    );
  }
  return { url: url.href, title: `${url.protocol}//${url.host} (${used})` };
}

/** A proxy cannot be reached, or refuses a request. The error's code is that of the cause, if there is one. */
export class ProxyError extends Error {
  readonly code: string;
  /** The proxy has responded, so it will refuse the next request too. */
  readonly isRefusal: boolean;

  constructor(proxy: HttpProxy, problem: { readonly cause: Error } | { readonly status: number }) {
    const advice = "allow the host in the proxy, correct the proxy's URL and password, or add the host to NO_PROXY";
    super(
      "cause" in problem
        ? `the proxy ${proxy.title} cannot be reached: ${problem.cause.message || codeOf(problem.cause)}`
        : `the proxy ${proxy.title} refuses the connection with status ${problem.status}: ${advice}`,
      "cause" in problem ? { cause: problem.cause } : undefined,
    );
    this.name = "ProxyError";
    this.code = "cause" in problem ? codeOf(problem.cause) : "PROXY_REFUSED";
    this.isRefusal = "status" in problem && problem.status < 500;
  }
}
