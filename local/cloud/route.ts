import type { CloudInventory, Resource, Values } from "./inventory.ts";
import { object, objects, text, texts } from "./values.ts";

/** The target of a request at a load balancer. */
export type LoadBalancerRoute =
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  | { readonly kind: "service"; readonly backend: Resource; readonly services: readonly RegionalService[] }
  /** A backend bucket: the path is an object's key in the bucket of Cloud Storage with this name. */
  | { readonly kind: "bucket"; readonly bucket: string };

/** A Cloud Run service behind a network endpoint group. */
export interface RegionalService {
  readonly region: string;
  readonly id: string;
}

/** A resource in the chain from forwarding rule to service is missing. */
export class MissingLink extends Error {
  /** HTTP status of the load balancer's response. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The parts of a request that decide its target. */
export interface RoutedRequest {
  /** Without the port. */
  readonly host: string;
  /** Path and query. */
  readonly target: string;
}

/** The target proxy of a forwarding rule, and whether it terminates TLS. Throws {@link MissingLink}. */
export function targetProxy(inventory: CloudInventory, rule: Resource): { proxy: Resource; https: boolean } {
  const name = rule.inputs["name"];
  const https = lookUp(inventory, "gcp:compute/targetHttpsProxy:TargetHttpsProxy", rule.inputs["target"]);
  if (https !== undefined) return { proxy: https, https: true };
  const http = lookUp(inventory, "gcp:compute/targetHttpProxy:TargetHttpProxy", rule.inputs["target"]);
  if (http !== undefined) return { proxy: http, https: false };
  throw new MissingLink(502, `forwarding rule ${name}: its target proxy ${rule.inputs["target"]} does not exist`);
}

/**
 * Follows the chain: forwarding rule -> target proxy -> URL map -> backend service -> network endpoint groups -> Cloud Run services, or
 * URL map -> backend bucket -> bucket.
 * Throws {@link MissingLink}, which names the missing resource.
 */
export function followUrlMap(inventory: CloudInventory, rule: Resource, request: RoutedRequest): LoadBalancerRoute {
  const { proxy, https } = targetProxy(inventory, rule);
  const map = follow(
    inventory,
    "gcp:compute/uRLMap:URLMap",
    proxy.inputs["urlMap"],
    `target proxy ${proxy.inputs["name"]}: its URL map`,
  );
  const chosen = choose(map, request);
  if (chosen.redirect !== undefined) return { kind: "redirect", ...redirection(chosen.redirect, request, https) };
  const mapName = `URL map ${map.inputs["name"]}`;
  if (chosen.service === undefined)
    throw new MissingLink(404, `${mapName} has no service for ${request.host}${request.target}`);
  const bucket = lookUp(inventory, "gcp:compute/backendBucket:BackendBucket", chosen.service);
  if (bucket !== undefined) return { kind: "bucket", bucket: text(bucket.inputs, "bucketName") };
  const backend = follow(
    inventory,
    "gcp:compute/backendService:BackendService",
    chosen.service,
    `${mapName}: its backend service`,
  );
  return { kind: "service", backend, services: services(inventory, backend) };
}

function services(inventory: CloudInventory, backend: Resource): RegionalService[] {
  const name = `backend service ${backend.inputs["name"]}`;
  const groups = objects(backend.inputs["backends"]).map((entry) =>
    follow(
      inventory,
      "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup",
      entry["group"],
      `${name}: its network endpoint group`,
    ),
  );
  if (groups.length === 0) throw new MissingLink(503, `${name} has no backends`);
  return groups.map(({ inputs, config }) => {
    const region = text(inputs, "region");
    const service = object(inputs["cloudRun"])["service"];
    if (typeof service !== "string") {
      throw new MissingLink(503, `network endpoint group ${inputs["name"]}: cloudRun.service is not set`);
    }
    return { region, id: `projects/${text(inputs, "project", config)}/locations/${region}/services/${service}` };
  });
}

interface Choice {
  readonly service?: string;
  readonly redirect?: Values;
}

/** Applies host rules, path matchers and defaults of a URL map (compute API, urlMaps): the most specific host, then the longest path. */
function choose(map: Resource, { host, target }: RoutedRequest): Choice {
  const rules = objects(map.inputs["hostRules"]);
  const matching = rules.filter((rule) => texts(rule["hosts"]).some((pattern) => hostMatches(pattern, host)));
  const best = matching.sort((a, b) => specificity(b, host) - specificity(a, host))[0];
  if (best === undefined) return choice(map.inputs["defaultService"], map.inputs["defaultUrlRedirect"]);
  const matcher = objects(map.inputs["pathMatchers"]).find(({ name }) => name === best["pathMatcher"]);
  if (matcher === undefined) {
    throw new MissingLink(502, `URL map ${map.inputs["name"]}: its path matcher ${best["pathMatcher"]} does not exist`);
  }
  if (objects(matcher["routeRules"]).length > 0) {
    throw new MissingLink(502, `URL map ${map.inputs["name"]}: routeRules are not emulated`);
  }
  const path = target.split("?")[0] ?? "/";
  const found = objects(matcher["pathRules"])
    .flatMap((rule) => texts(rule["paths"]).map((pattern) => ({ rule, pattern })))
    .filter(({ pattern }) => pathMatches(pattern, path))
    .sort((a, b) => b.pattern.length - a.pattern.length)[0];
  return found === undefined
    ? choice(matcher["defaultService"], matcher["defaultUrlRedirect"])
    : choice(found.rule["service"], found.rule["urlRedirect"]);
}

function choice(service: unknown, redirect: unknown): Choice {
  if (redirect !== undefined && redirect !== null) return { redirect: object(redirect) };
  return typeof service === "string" ? { service } : {};
}

function hostMatches(pattern: string, host: string): boolean {
  if (pattern === "*") return true;
  return pattern.startsWith("*") ? host.endsWith(pattern.slice(1).toLowerCase()) : pattern.toLowerCase() === host;
}

function specificity(rule: Values, host: string): number {
  const matching = texts(rule["hosts"]).filter((pattern) => hostMatches(pattern, host));
  return Math.max(...matching.map((pattern) => (pattern.startsWith("*") ? pattern.length : 1000)));
}

/** `/*` at the end matches any rest, also an empty one. Other patterns match exactly. */
function pathMatches(pattern: string, path: string): boolean {
  return pattern.endsWith("/*")
    ? path.startsWith(pattern.slice(0, -1)) || path === pattern.slice(0, -2)
    : path === pattern;
}

const redirectCodes: Readonly<Record<string, number>> = {
  MOVED_PERMANENTLY_DEFAULT: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
};

function redirection(rule: Values, request: RoutedRequest, https: boolean): { status: number; location: string } {
  const [path = "/", query] = request.target.split("?", 2);
  const scheme = https || rule["httpsRedirect"] === true ? "https" : "http";
  const host = typeof rule["hostRedirect"] === "string" ? rule["hostRedirect"] : request.host;
  const to = typeof rule["pathRedirect"] === "string" ? rule["pathRedirect"] : path;
  const rest = query === undefined || rule["stripQuery"] === true ? "" : `?${query}`;
  return {
    status: redirectCodes[String(rule["redirectResponseCode"])] ?? 301,
    location: `${scheme}://${host}${to}${rest}`,
  };
}

function follow(inventory: CloudInventory, type: string, reference: unknown, what: string): Resource {
  const found = lookUp(inventory, type, reference);
  if (found === undefined) throw new MissingLink(502, `${what} ${String(reference)} does not exist`);
  return found;
}

/** References are ids (`projects/p/global/urlMaps/m`) or self links, which end in the id. */
function lookUp(inventory: CloudInventory, type: string, reference: unknown): Resource | undefined {
  if (typeof reference !== "string") return undefined;
  const at = reference.indexOf("projects/");
  return inventory.find(type, at > 0 ? reference.slice(at) : reference);
}
