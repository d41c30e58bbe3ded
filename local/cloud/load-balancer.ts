import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import type { Address } from "./address.ts";
import type { Behaviour, CloudParts } from "./behaviours/behaviour.ts";
import { type CloudRun, serviceType } from "./behaviours/cloud-run.ts";
import { certificateProblem } from "./certificates.ts";
import { dnsRecords } from "./dns.ts";
import { endToEndHeaders, Unreachable } from "./forward.ts";
import type { Resource, Values } from "./inventory.ts";
import { byDistance, type Coordinates } from "./regions.ts";
import { followUrlMap, MissingLink, type RegionalService, targetProxy } from "./route.ts";
import { closeServer, listen } from "./servers.ts";
import { texts } from "./values.ts";

/** The type token of a global forwarding rule. */
export const forwardingRuleType = "gcp:compute/globalForwardingRule:GlobalForwardingRule";

/** The request header that only the emulator knows: `<latitude>,<longitude>[,<client address>]`. Never passed on. */
export const clientHeader = "x-rehearsal-client";

/** Where a client without {@link clientHeader} is: Council Bluffs, beside us-central1. */
const defaultPlace: Coordinates = { latitude: 41.26, longitude: -95.86 };

/**
 * The global external load balancers: one loopback port per global forwarding rule. What a request meets behind it is looked up in the
 * inventory for every request, so a link that the program forgot is an error that names it.
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
        const rival = this.addresses().find((other) => other.address === address && other.addressPort === port);
        if (rival !== undefined) {
          const message = `Specified IP address is in-use and would result in a conflict (${name} and ${rival.name}).`;
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

  /** What the load balancers listen on. */
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
      // The rule as it is now: its target may have been changed since.
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
    // Who comes by a loopback address, or this machine's name for it, has no name to ask a certificate for.
    const named = isIP(host) === 0 && host !== "localhost";
    const failure = https && named && certificateProblem(inventory, dnsRecords(inventory), proxy, host);
    if (failure) throw new MissingLink(503, `no TLS connection: ${failure}`);
    const way = followUrlMap(inventory, rule, { host, target: request.url ?? "/" });
    if (way.kind === "redirect") {
      response.writeHead(way.status, { location: way.location, "content-length": 0 });
      response.end();
      return;
    }
    const client = clientOf(request);
    const headers = passedOn(request, { client, https, address: describe(rule).address, backend: way.backend });
    const regions = byDistance(
      client.place,
      way.services.map(({ region }) => region),
    );
    const nearestFirst = regions.flatMap((region) => way.services.filter((service) => service.region === region));
    const unreachable: string[] = [];
    for (const service of nearestFirst) {
      this.#refuseUninvited(service);
      try {
        await this.#services.serve(service.id, request, response, headers);
        return;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        unreachable.push(this.#whyNot(service, error));
      }
    }
    throw new MissingLink(503, unreachable.join("; "));
  }

  /** Cloud Run serves a load balancer only if the service takes its requests and lets everyone, or nobody in particular, invoke it. */
  #refuseUninvited({ id }: RegionalService): void {
    const { inventory } = this.#parts;
    const inputs = inventory.find(serviceType, id)?.inputs;
    if (inputs === undefined) return; // the reason is told by #whyNot
    if (inputs["ingress"] === "INGRESS_TRAFFIC_INTERNAL_ONLY") {
      throw new MissingLink(404, `Cloud Run service ${id} takes internal requests only (ingress)`);
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
        `Cloud Run service ${id}: nobody let allUsers invoke it (roles/run.invoker or invokerIamDisabled)`,
      );
    }
  }

  #whyNot({ id }: RegionalService, { message }: Error): string {
    const exists = this.#parts.inventory.find(serviceType, id) !== undefined;
    return `Cloud Run service ${id} ${exists ? `does not answer: ${message}` : "does not exist"}`;
  }
}

/** `gcp:compute/globalAddress:GlobalAddress`: an address that nothing else in the inventory has. */
export function globalAddress(parts: CloudParts): Behaviour {
  return {
    async create({ inputs }) {
      return { address: inputs["address"] ?? freeAddress(parts, inputs["ipVersion"]) };
    },
  };
}

/** From the blocks reserved for documentation (RFC 5737, RFC 3849): they can never be a real host's. */
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
  readonly place: Coordinates;
  readonly address: string;
}

function clientOf(request: IncomingMessage): Client {
  const remote = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const [latitude, longitude, address] = String(request.headers[clientHeader] ?? "")
    .split(",")
    .map((part) => part.trim());
  const place = { latitude: Number(latitude || Number.NaN), longitude: Number(longitude || Number.NaN) };
  const known = Number.isFinite(place.latitude) && Number.isFinite(place.longitude);
  return { place: known ? place : defaultPlace, address: address || remote };
}

/**
 * The headers as the load balancer sends them on: `X-Forwarded-For: <as received>,<client>,<load balancer>`, `X-Forwarded-Proto`, `Via`, and the
 * backend service's custom headers, which replace what the client sent under the same name.
 */
function passedOn(
  request: IncomingMessage,
  to: { client: Client; https: boolean; address: string; backend: Resource },
): [string, string][] {
  const custom = texts(to.backend.inputs["customRequestHeaders"]).map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim(), fill(line.slice(colon + 1).trim(), request, to)];
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
 * Variables of custom request headers (cloud.google.com/load-balancing/docs/https/custom-headers). A variable the load balancer knows no
 * value for becomes the empty text, as there.
 */
function fill(
  template: string,
  request: IncomingMessage,
  to: { client: Client; https: boolean; address: string },
): string {
  const { place, address } = to.client;
  const values: Values = {
    client_city_lat_long: `${place.latitude.toFixed(6)},${place.longitude.toFixed(6)}`,
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
