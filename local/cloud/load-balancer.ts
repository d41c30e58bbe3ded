import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import type { Address } from "./address.ts";
import type { Behaviour, CloudParts } from "./behaviours/behaviour.ts";
import { type CloudRun, serviceType } from "./behaviours/cloud-run.ts";
import { certificateProblem } from "./certificates.ts";
import { zoneRecords } from "./dns.ts";
import { endToEndHeaders, forward, Unreachable } from "./forward.ts";
import type { Resource, Values } from "./inventory.ts";
import { byDistance, type GeoPoint } from "./regions.ts";
import { followUrlMap, MissingLink, type RegionalService, targetProxy } from "./route.ts";
import { closeServer, listen } from "./servers.ts";
import { texts } from "./values.ts";

/** The type token of a global forwarding rule. */
export const forwardingRuleType = "gcp:compute/globalForwardingRule:GlobalForwardingRule";

/** Request header of the emulation: `<latitude>,<longitude>[,<client address>]`. Never forwarded. */
const clientHeader = "x-rehearsal-client";

/** Location of a client without {@link clientHeader}: Council Bluffs, near us-central1. */
const defaultLocation: GeoPoint = { latitude: 41.26, longitude: -95.86 };

/**
 * The global external load balancers: one loopback port per global forwarding rule. Each request follows the chain of resources in the
 * inventory, so a link that the program lacks is an error that names it.
 */
export class LoadBalancers {
  readonly #parts: CloudParts;
  readonly #services: Pick<CloudRun, "serve">;
  readonly #listeners = new Map<string, { server: Server; port: number }>();

  constructor(parts: CloudParts, services: Pick<CloudRun, "serve">) {
    this.#parts = parts;
    this.#services = services;
  }

  get behaviour(): Behaviour {
    return {
      create: async (rule) => {
        const address = rule.inputs["ipAddress"] ?? freeAddress(this.#parts, rule.inputs["ipVersion"]);
        const { name, port } = describe(rule);
        const conflicting = this.addresses().find((other) => other.address === address && other.addressPort === port);
        if (conflicting !== undefined) {
          const message = `Specified IP address is in-use and would result in a conflict (${name} and ${conflicting.name}).`;
          throw new Error(
            `googleapi: Error 400: Invalid value for field 'resource.IPAddress': '${String(address)}'. ${message}`,
          );
        }
        await this.#open(rule);
        return { ipAddress: address };
      },
      resume: (rule) => this.#open(rule),
      delete: async (rule) => {
        await this.#close(rule.id);
        this.#parts.ports.release(purposeOf(rule));
      },
    };
  }

  /** The addresses on which the load balancers listen. */
  addresses(): Address[] {
    return this.#parts.inventory.list(forwardingRuleType).flatMap((rule) => {
      const listener = this.#listeners.get(rule.id);
      if (listener === undefined) return [];
      const { name, address, port } = describe(rule);
      return [{ name, address, addressPort: port, https: this.#https(rule), port: listener.port }];
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((id) => this.#close(id)));
  }

  #https(rule: Resource): boolean {
    try {
      return targetProxy(this.#parts.inventory, rule).https;
    } catch (error) {
      if (error instanceof MissingLink) return false;
      throw error;
    }
  }

  async #open(rule: Resource): Promise<void> {
    const port = await this.#parts.ports.take(purposeOf(rule));
    const server = createServer((request, response) => {
      // Read the present rule: its target may have changed.
      const current = this.#parts.inventory.find(forwardingRuleType, rule.id) ?? rule;
      this.#serve(current, request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else fail(response, error instanceof MissingLink ? error.status : 502, (error as Error).message);
      });
    });
    server.requestTimeout = 0;
    await listen(server, port);
    this.#listeners.set(rule.id, { server, port });
  }

  async #close(id: string): Promise<void> {
    const listener = this.#listeners.get(id);
    if (listener === undefined) return;
    this.#listeners.delete(id);
    await closeServer(listener.server);
  }

  async #serve(rule: Resource, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { inventory } = this.#parts;
    const { proxy, https } = targetProxy(inventory, rule);
    const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
    // A client that uses a loopback address or localhost has no host name that needs a certificate.
    const named = isIP(host) === 0 && host !== "localhost";
    const failure =
      https && named && certificateProblem(inventory, zoneRecords(inventory), this.#parts.delays, proxy, host);
    if (failure) throw new MissingLink(503, `no TLS connection: ${failure}`);
    const target = followUrlMap(inventory, rule, { host, target: request.url ?? "/" });
    if (target.kind === "redirect") {
      response.writeHead(target.status, { location: target.location, "content-length": 0 });
      response.end();
      return;
    }
    if (target.kind === "bucket") {
      // Nothing is kept: a CDN that forgets what it likes is one too. Requests are anonymous, as Google's are.
      const headers = endToEndHeaders(request.rawHeaders).filter(([name]) => !/^(host|authorization)$/i.test(name));
      const path = `/${target.bucket}${request.url ?? "/"}`;
      await forward(request, response, { port: Number(new URL(this.#parts.servers.gcs).port), headers, path });
      return;
    }
    const client = clientOf(request);
    const headers = forwardedHeaders(request, {
      client,
      https,
      address: describe(rule).address,
      backend: target.backend,
    });
    const regions = byDistance(
      client.location,
      target.services.map(({ region }) => region),
    );
    const nearestFirst = regions.flatMap((region) => target.services.filter((service) => service.region === region));
    const unreachable: string[] = [];
    for (const service of nearestFirst) {
      this.#checkInvocation(service);
      try {
        await this.#services.serve(service.id, request, response, headers);
        return;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        unreachable.push(this.#whyUnreachable(service, error));
      }
    }
    throw new MissingLink(503, unreachable.join("; "));
  }

  /** Cloud Run serves a load balancer only if the ingress allows it and allUsers may invoke the service (or the IAM check is disabled). */
  #checkInvocation({ id }: RegionalService): void {
    const { inventory } = this.#parts;
    const inputs = inventory.find(serviceType, id)?.inputs;
    if (inputs === undefined) return; // #whyUnreachable reports it
    if (inputs["ingress"] === "INGRESS_TRAFFIC_INTERNAL_ONLY") {
      throw new MissingLink(404, `Cloud Run service ${id} accepts only internal requests (ingress)`);
    }
    const invoker = `${id}/roles/run.invoker`;
    const granted = inventory
      .list()
      .some(
        (grant) =>
          grant.id.startsWith(invoker) &&
          [grant.inputs["member"], ...texts(grant.inputs["members"])].includes("allUsers"),
      );
    if (inputs["invokerIamDisabled"] !== true && !granted) {
      throw new MissingLink(
        403,
        `Cloud Run service ${id}: allUsers may not invoke it (grant roles/run.invoker or set invokerIamDisabled)`,
      );
    }
  }

  #whyUnreachable({ id }: RegionalService, { message }: Error): string {
    const exists = this.#parts.inventory.find(serviceType, id) !== undefined;
    return `Cloud Run service ${id} ${exists ? `does not answer: ${message}` : "does not exist"}`;
  }
}

/** `gcp:compute/globalAddress:GlobalAddress`: an address that no other resource in the inventory has. */
export function globalAddress(parts: CloudParts): Behaviour {
  return {
    async create({ inputs }) {
      return { address: inputs["address"] ?? freeAddress(parts, inputs["ipVersion"]) };
    },
  };
}

/** An unused address from the blocks reserved for documentation (RFC 5737, RFC 3849), which no real host has. */
function freeAddress({ inventory }: CloudParts, version: unknown): string {
  const used = new Set(
    inventory
      .list()
      .flatMap(({ inputs, computed }) =>
        [computed["address"], computed["ipAddress"], inputs["address"], inputs["ipAddress"]].map(String),
      ),
  );
  for (let i = 1; i < 255; i++) {
    const address = version === "IPV6" ? `2001:db8::${i.toString(16)}` : `203.0.113.${i}`;
    if (!used.has(address)) return address;
  }
  throw new Error("googleapi: Error 403: Quota 'GLOBAL_ADDRESSES' exceeded.");
}

function purposeOf(rule: Resource): string {
  return `load balancer ${String(rule.inputs["name"])}`;
}

function describe(rule: Resource): { name: string; address: string; port: number } {
  return {
    name: String(rule.inputs["name"]),
    address: String(rule.inputs["ipAddress"] ?? rule.computed["ipAddress"] ?? ""),
    port: Number(String(rule.inputs["portRange"] ?? "80").split("-")[0]),
  };
}

interface Client {
  readonly location: GeoPoint;
  readonly address: string;
}

function clientOf(request: IncomingMessage): Client {
  const remote = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const [latitude, longitude, address] = String(request.headers[clientHeader] ?? "")
    .split(",")
    .map((part) => part.trim());
  const location = { latitude: Number(latitude || Number.NaN), longitude: Number(longitude || Number.NaN) };
  const isKnown = Number.isFinite(location.latitude) && Number.isFinite(location.longitude);
  return { location: isKnown ? location : defaultLocation, address: address || remote };
}

/**
 * The headers that the load balancer forwards: `X-Forwarded-For: <as received>,<client>,<load balancer>`, `X-Forwarded-Proto`, `Via`, and the
 * backend service's custom headers, which replace the client's headers of the same name.
 */
function forwardedHeaders(
  request: IncomingMessage,
  to: { client: Client; https: boolean; address: string; backend: Resource },
): [string, string][] {
  const custom = texts(to.backend.inputs["customRequestHeaders"]).map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim(), expand(line.slice(colon + 1).trim(), request, to)];
  });
  const replaced = new Set([
    clientHeader,
    "x-forwarded-for",
    "x-forwarded-proto",
    ...custom.map(([name]) => name.toLowerCase()),
  ]);
  const kept = endToEndHeaders(request.rawHeaders).filter(([name]) => !replaced.has(name.toLowerCase()));
  const forwarded = [request.headers["x-forwarded-for"] ?? [], to.client.address, to.address].flat();
  return [
    ...kept,
    ["X-Forwarded-For", forwarded.join(",")],
    ["X-Forwarded-Proto", to.https ? "https" : "http"],
    ["Via", "1.1 google"],
    ...custom,
  ];
}

/**
 * Expands the variables of custom request headers (cloud.google.com/load-balancing/docs/https/custom-headers). A variable without a value
 * becomes empty, as in the real load balancer.
 */
function expand(
  template: string,
  request: IncomingMessage,
  to: { client: Client; https: boolean; address: string },
): string {
  const { location, address } = to.client;
  const values: Values = {
    client_city_lat_long: `${location.latitude.toFixed(6)},${location.longitude.toFixed(6)}`,
    client_ip_address: address,
    client_port: request.socket.remotePort,
    client_encrypted: to.https,
    client_protocol: "HTTP/1.1",
    server_ip_address: to.address,
    server_port: request.socket.localPort,
    tls_sni_hostname: to.https ? (request.headers.host ?? "").replace(/:\d+$/, "") : "",
  };
  return template.replaceAll(/\{([a-z_0-9]+)\}/g, (_all, name: string) => String(values[name] ?? ""));
}

function fail(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(`load balancer: ${message}\n`);
}
