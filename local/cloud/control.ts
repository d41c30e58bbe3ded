import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { typeFacts } from "../providers/type-facts.ts";
import type { Requester } from "./access.ts";
import type { Address } from "./address.ts";
import { type Behaviour, ConflictError } from "./behaviours/behaviour.ts";
import type { CloudRunJobs } from "./behaviours/cloud-run-jobs.ts";
import { describeCertificate, isManagedCertificate } from "./certificates.ts";
import type { DelaySettings, Delays } from "./delays.ts";
import { resolve, zoneRecords } from "./dns.ts";
import { asCloudflareTells, bogusZone, describeDnssec, registrarType } from "./dnssec.ts";
import { passOn, tunnel } from "./emulated-network.ts";
import type { ControlFault, Faults } from "./faults.ts";
import { type Guard, grantKey, isDataGrant } from "./guard.ts";
import type { CloudInventory, Resource } from "./inventory.ts";
import { listing, objectiveAt, r2DomainAt } from "./listings.ts";
import { type CloudRefusal, inUse, missingReference } from "./references.ts";

/** The cloud behind the control API. */
export interface Controlled {
  readonly inventory: CloudInventory;
  readonly behaviours: Readonly<Record<string, Behaviour>>;
  readonly faults: Faults;
  readonly delays: Delays;
  readonly guard: Guard | undefined;
  readonly jobs: CloudRunJobs;
  addresses(): Address[];
  status(): Promise<unknown>;
}

/** An error response. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The control API, JSON over HTTP on loopback:
 *
 * - `POST /v1/resources` `{type, id, inputs, computed, config, adopt?}` -> 201 the resource; 409 if it exists (unless `adopt`: then it is updated)
 * - `GET /v1/resources?type=&id=` -> the resource or 404; without `id` a list
 * - `PUT /v1/resources` `{type, id, inputs, computed, config}` -> the resource
 * - `DELETE /v1/resources?type=&id=` -> 204, also if it does not exist; 409 if the cloud refuses. `&lose=true` emulates a disaster: deletes the
 *   resource with its content, without any check
 * - `GET /v1/load-balancers`, `GET /v1/dns`, `GET /v1/resolve?host=&port=`, `GET /v1/status`
 * - `PUT /v1/faults` `[{type, id, operations?, status, message}]`: refuses these operations until the next, see {@link ControlFault}
 * - `PUT /v1/delays` `{certificate?, grant?, dnssec?}`: how often what is made from now on is not ready yet when it is asked for, see {@link Delays}
 * - `PUT /v1/guard` `{on}` switches IAM on in front of the data; `POST /v1/tokens` `{members, awsRole?}` -> `{token}`, see {@link Guard}
 * - `/apis/run/v2/...`: executions of jobs, see {@link CloudRunJobs.answer}
 * - `GET /apis/...`: the clouds' own list APIs, see {@link listing}; a certificate, see {@link describeCertificate}; a zone's signatures, see {@link describeDnssec}; `DELETE /apis/monitoring/v3/.../serviceLevelObjectives/<id>` and
 *   `DELETE /apis/cloudflare/.../domains/custom/<domain>`
 * - as an HTTP proxy: the load balancers at their own addresses, see {@link passOn}
 *
 * Errors are `{error: "<the real cloud's message>"}`.
 */
export function controlServer(cloud: Controlled): Server {
  const busy = new Set<string>();
  const server = createServer((request, response) => {
    if (passOn(request, response, cloud.addresses())) return;
    if (fromBrowserPage(request)) {
      reply(response, 403, { error: "The control API accepts no requests from web pages" });
      return;
    }
    answer(cloud, busy, request).then(
      ({ status, body }) => reply(response, status, body),
      (error: unknown) => {
        const status = error instanceof Refusal ? error.status : error instanceof ConflictError ? 409 : 500;
        reply(response, status, { error: (error as Error).message });
      },
    );
  });
  return server.on("connect", tunnel);
}

/**
 * A page of any site can make a browser send requests to a loopback port, and this API starts programs. A browser sends the page's origin. If a
 * foreign DNS name resolves to loopback (DNS rebinding), that name is in the Host header.
 */
function fromBrowserPage({ headers }: IncomingMessage): boolean {
  const named = !/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? "");
  return named || headers.origin !== undefined || /^(cross|same)-site$/.test(String(headers["sec-fetch-site"] ?? ""));
}

async function answer(
  cloud: Controlled,
  busy: Set<string>,
  request: IncomingMessage,
): Promise<{ status: number; body?: unknown }> {
  const url = new URL(request.url ?? "/", "http://control");
  const query = (name: string): string => url.searchParams.get(name) ?? "";
  const at = `${request.method} ${url.pathname}`;
  switch (at) {
    case "POST /v1/resources": {
      const { adopt, ...wanted } = (await json(request)) as Resource & { adopt?: boolean };
      return exclusively(busy, wanted, async () => {
        refuse(cloud.faults.refusal("create", wanted.type, wanted.id));
        const before = cloud.inventory.find(wanted.type, wanted.id);
        if (before !== undefined && adopt !== true) {
          throw new Refusal(409, `googleapi: Error 409: Resource '${wanted.id}' already exists, alreadyExists`);
        }
        if (cloud.inventory.isBuried(wanted.type, wanted.id)) {
          const message = `Error 409: Requested entity already exists, alreadyExists (deleted: ${wanted.id})`;
          throw new Refusal(409, `googleapi: ${message}`);
        }
        refuse(missingReference(cloud.inventory, wanted));
        const behaviour = cloud.behaviours[wanted.type];
        const found =
          before === undefined ? await behaviour?.create?.(wanted) : await behaviour?.update?.(wanted, before);
        const made = { ...wanted, computed: { ...wanted.computed, ...before?.computed, ...found } };
        await cloud.inventory.put(made);
        if (made.type === registrarType) cloud.delays.begin("dnssec", made.id);
        if (isManagedCertificate(made)) cloud.delays.begin("certificate", made.id);
        if (isDataGrant(made)) cloud.delays.begin("grant", grantKey(made));
        return { status: 201, body: made };
      });
    }
    case "PUT /v1/resources": {
      const wanted = (await json(request)) as Resource;
      return exclusively(busy, wanted, async () => {
        refuse(cloud.faults.refusal("update", wanted.type, wanted.id));
        const before = cloud.inventory.find(wanted.type, wanted.id);
        if (before === undefined)
          throw new Refusal(404, `googleapi: Error 404: Resource '${wanted.id}' was not found, notFound`);
        refuse(missingReference(cloud.inventory, wanted));
        const found = await cloud.behaviours[wanted.type]?.update?.(wanted, before);
        const made = { ...wanted, computed: { ...before.computed, ...wanted.computed, ...found } };
        await cloud.inventory.put(made);
        return { status: 200, body: made };
      });
    }
    case "GET /v1/resources": {
      if (!url.searchParams.has("id")) {
        return { status: 200, body: cloud.inventory.list(url.searchParams.get("type") ?? undefined) };
      }
      refuse(cloud.faults.refusal("read", query("type"), query("id")));
      const found = cloud.inventory.find(query("type"), query("id"));
      if (found === undefined) return { status: 404, body: { error: "not found" } };
      return { status: 200, body: asCloudflareTells(cloud.inventory, cloud.delays, found) };
    }
    case "DELETE /v1/resources": {
      const name = { type: query("type"), id: query("id") };
      return exclusively(busy, name, async () => {
        const found = cloud.inventory.find(name.type, name.id);
        if (found === undefined) return { status: 204 };
        const lost = url.searchParams.get("lose") === "true";
        if (!lost) refuse(cloud.faults.refusal("delete", name.type, name.id));
        if (!lost) {
          refuseProtected(found);
          if (found.inputs["deletionPolicy"] === "ABANDON") return { status: 204 };
          refuse(inUse(cloud.inventory, found));
        }
        await cloud.behaviours[name.type]?.delete?.(lost ? unprotected(found) : found);
        if (!lost && keepsName(name.type)) await cloud.inventory.bury(name.type, name.id);
        else await cloud.inventory.remove(name.type, name.id);
        return { status: 204 };
      });
    }
    case "PUT /v1/faults":
      cloud.faults.set((await body(request)) as ControlFault[]);
      return { status: 204 };
    case "PUT /v1/delays":
      cloud.delays.set((await body(request)) as DelaySettings);
      return { status: 204 };
    case "PUT /v1/guard":
      guardOf(cloud).on = ((await body(request)) as { on: boolean }).on;
      return { status: 204 };
    case "POST /v1/tokens":
      return { status: 201, body: { token: guardOf(cloud).issue((await body(request)) as Requester) } };
    case "GET /v1/load-balancers":
      return { status: 200, body: cloud.addresses() };
    case "GET /v1/dns":
      return { status: 200, body: zoneRecords(cloud.inventory) };
    case "GET /v1/resolve": {
      try {
        const bogus = bogusZone(cloud.inventory);
        if (bogus !== undefined) throw new Error(bogus);
        const port = Number(query("port") || 443);
        return { status: 200, body: resolve(zoneRecords(cloud.inventory), cloud.addresses(), query("host"), port) };
      } catch (error) {
        throw new Refusal(404, (error as Error).message);
      }
    }
    case "GET /v1/status":
      return { status: 200, body: await cloud.status() };
    default: {
      const named =
        request.method === "DELETE"
          ? (objectiveAt(cloud.inventory, url) ?? r2DomainAt(cloud.inventory, url))
          : undefined;
      if (named !== undefined) {
        await cloud.behaviours[named.type]?.delete?.(named);
        await cloud.inventory.remove(named.type, named.id);
        return { status: 200, body: {} };
      }
      const { inventory, delays } = cloud;
      const list =
        request.method === "GET"
          ? (listing(inventory, url) ??
            describeDnssec(inventory, delays, url) ??
            describeCertificate(inventory, zoneRecords(inventory), delays, url))
          : undefined;
      const answered = list ?? (await cloud.jobs.answer(request.method ?? "GET", url, () => body(request)));
      if (answered === undefined) throw new Refusal(404, `The control API has no ${at}`);
      return { status: 200, body: answered };
    }
  }
}

/** Whether the cloud keeps what was deleted, so that its name is refused: identity pools for 30 days, key rings for ever. */
function keepsName(type: string): boolean {
  return /^(no|never)\b/.test(typeFacts(type)?.softDeleted?.idReusable ?? "");
}

/** The resource without its protections: a disaster ignores them. */
function unprotected(resource: Resource): Resource {
  return { ...resource, inputs: { ...resource.inputs, forceDestroy: true, deletionProtection: false } };
}

function guardOf({ guard }: Controlled): Guard {
  if (guard === undefined) throw new Refusal(400, "this cloud was started without a guard");
  return guard;
}

function refuse(error: CloudRefusal | undefined): void {
  if (error !== undefined) throw new Refusal(error.status, error.message);
}

/** The real gcp provider refuses this itself, without a request to the cloud. */
function refuseProtected({ id, inputs }: Resource): void {
  if (inputs["deletionPolicy"] === "PREVENT") {
    throw new ConflictError(
      `cannot destroy resource ${id} with deletionPolicy set to PREVENT: change it and run \`pulumi up\` first`,
    );
  }
}

/** Refuses a second concurrent operation on one resource, as the clouds do. */
async function exclusively<T>(
  busy: Set<string>,
  name: { type: string; id: string },
  work: () => Promise<T>,
): Promise<T> {
  const key = `${name.type} ${name.id}`;
  if (busy.has(key)) {
    throw new Refusal(409, `googleapi: Error 409: Operation on resource '${name.id}' is already in progress, conflict`);
  }
  busy.add(key);
  try {
    return await work();
  } finally {
    busy.delete(key);
  }
}

async function body(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

async function json(request: IncomingMessage): Promise<unknown> {
  const value = await body(request);
  const { type, id, inputs, computed, config } = (value ?? {}) as Partial<Resource>;
  if (typeof type !== "string" || typeof id !== "string" || id === "")
    throw new Refusal(400, "type and id are required");
  if (inputs === undefined || computed === undefined || config === undefined) {
    throw new Refusal(400, `${type} ${id}: inputs, computed and config are required`);
  }
  return value;
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
