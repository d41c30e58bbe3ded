import { existsSync, mkdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { endToEndHeaders, forward, Unreachable } from "../forward.ts";
import type { Resource, Values } from "../inventory.ts";
import { accepts } from "../ports.ts";
import { type Child, logTail } from "../processes.ts";
import { closeServer, listen } from "../servers.ts";
import { unpackSource } from "../source-archive.ts";
import { object, objects, text, texts } from "../values.ts";
import type { Behaviour, CloudParts } from "./behaviour.ts";
import { containerEnvironment } from "./container-environment.ts";
import { download, objectMd5 } from "./gcs.ts";

/** The type token of a Cloud Run service. */
export const serviceType = "gcp:cloudrunv2/service:Service";

interface Revision {
  readonly name: string;
  readonly port: number;
  child: Child;
  stopping: boolean;
  /** Number of requests in progress. */
  requests: number;
}

/** Milliseconds for a replaced revision to finish its requests: Cloud Run's time between SIGTERM and SIGKILL. */
const drainTime = 10_000;

/**
 * `gcp:cloudrunv2/service:Service` deployed from source (`sourceCode.cloudStorageSource`): fetches the .tar.gz from the emulated bucket, unpacks
 * it, and runs its command with the resource's environment and Cloud Run's (container runtime contract: PORT, K_SERVICE, ...). A new
 * revision serves after its startup probe has succeeded. Until then, and if it fails, the previous revision serves. Base images are not used:
 * nothing runs in a container here.
 */
export class CloudRun {
  readonly #parts: CloudParts;
  readonly #revisions = new Map<string, Revision>();
  readonly #fronts = new Map<string, Server>();
  /** Pending stops of replaced revisions. Only the next deployment, which needs the port, waits for them. */
  readonly #retiring = new Map<string, Promise<void>>();
  readonly #unpacking = new Map<string, Promise<void>>();

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  get behaviour(): Behaviour {
    return {
      create: (resource) => this.#deploy(resource, 1),
      update: (resource, before) => this.#deploy(resource, Number(before.computed["generation"] ?? 1) + 1),
      delete: (resource) => this.#delete(resource),
      resume: async (resource) => {
        await this.#deploy(resource, Number(resource.computed["generation"] ?? 1));
      },
    };
  }

  /**
   * Forwards a request to the service's serving revision.
   * @throws {Unreachable} if no revision runs or it does not answer. The response is untouched then.
   */
  async serve(
    id: string,
    request: IncomingMessage,
    response: ServerResponse,
    headers: readonly (readonly [string, string])[],
  ): Promise<void> {
    const revision = this.#revisions.get(id);
    if (revision === undefined) throw new Unreachable("it is not running");
    revision.requests++;
    try {
      await forward(request, response, { port: revision.port, headers });
    } finally {
      revision.requests--;
    }
  }

  /** Closes the services' own addresses. {@link Processes} stops their processes. */
  async close(): Promise<void> {
    for (const revision of this.#revisions.values()) revision.stopping = true;
    await Promise.all([...this.#fronts.keys()].map((id) => this.#closeFront(id)));
  }

  async #deploy(resource: Resource, generation: number): Promise<Values> {
    const { inputs, config, id } = resource;
    const name = text(inputs, "name");
    const location = text(inputs, "location");
    const container = onlyContainer(inputs);
    const dir = await this.#unpack(container);
    const revisionName = `${name}-${String(generation).padStart(5, "0")}`;
    await this.#retiring.get(id);
    const [even, odd] = purposes(location, name);
    const port = await this.#parts.ports.take(generation % 2 === 0 ? even : odd);
    const command = [...texts(container["commands"]), ...texts(container["args"])];
    const [file, ...args] = command;
    if (file === undefined) throw new Error(`Cloud Run service ${name}: the source needs commands to start.`);
    const start = (): Promise<Child> =>
      this.#parts.processes.start({
        purpose: `Cloud Run ${location} ${revisionName}`,
        file: existsSync(join(dir, file)) ? join(dir, file) : file,
        args,
        cwd: dir,
        stateless: true,
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: dir,
          ...containerEnvironment(container),
          PORT: String(port),
          K_SERVICE: name,
          K_REVISION: revisionName,
          K_CONFIGURATION: name,
        },
      });
    const revision = await this.#startRevision(revisionName, port, start, object(container["startupProbe"]));
    this.#keepRunning(revision, start);
    const before = this.#revisions.get(id);
    this.#revisions.set(id, revision);
    if (before !== undefined) {
      const retiring = this.#retire(before);
      retiring.catch(() => {}); // the next deployment awaits it and gets the error
      this.#retiring.set(id, retiring);
    }
    const uri = await this.#openFront(resource, location, name);
    const project = text(inputs, "project", config);
    const full = `projects/${project}/locations/${location}/services/${name}/revisions/${revisionName}`;
    return {
      uri,
      urls: uri === "" ? [] : [uri],
      generation: String(generation),
      observedGeneration: String(generation),
      latestCreatedRevision: full,
      latestReadyRevision: full,
      reconciling: false,
    };
  }

  /** Starts a revision. If it does not start, throws Cloud Run's error with the end of the log. */
  async #startRevision(name: string, port: number, start: () => Promise<Child>, probe: Values): Promise<Revision> {
    let child: Child | undefined;
    try {
      child = await start();
      await started(child, port, probe);
      return { name, port, child, stopping: false, requests: 0 };
    } catch (error) {
      if (child !== undefined) await this.#parts.processes.stop(child);
      throw new Error(
        "Error waiting to create Service: Error code 9, message: " +
          `Revision '${name}' is not ready and cannot serve traffic. ${(error as Error).message}`,
      );
    }
  }

  async #delete({ id, inputs }: Resource): Promise<void> {
    if (inputs["deletionProtection"] !== false) {
      throw new Error(
        `cannot destroy service ${text(inputs, "name")} without setting deletionProtection=false and running \`pulumi up\``,
      );
    }
    await this.#closeFront(id);
    const revision = this.#revisions.get(id);
    if (revision === undefined) return;
    this.#revisions.delete(id);
    await Promise.all([this.#retire(revision), this.#retiring.get(id)]);
    this.#retiring.delete(id);
    for (const purpose of purposes(text(inputs, "location"), text(inputs, "name"))) this.#parts.ports.release(purpose);
  }

  /** Waits for the revision's requests, then stops it. */
  async #retire(revision: Revision): Promise<void> {
    revision.stopping = true;
    const deadline = Date.now() + drainTime;
    while (revision.requests > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.#parts.processes.stop(revision.child);
  }

  /** Unpacks each archive's content once. Regions share the folder, and a restart reuses it. */
  async #unpack(container: Values): Promise<string> {
    const source = object(object(container["sourceCode"])["cloudStorageSource"]);
    const [bucket, archive] = [text(source, "bucket"), text(source, "object")];
    const { gcsServer: gcs } = this.#parts.servers;
    const dir = join(this.#parts.dir, "packages", await objectMd5(gcs, bucket, archive));
    const unpacked =
      this.#unpacking.get(dir) ?? unpackTo(dir, `gs://${bucket}/${archive}`, () => download(gcs, bucket, archive));
    this.#unpacking.set(dir, unpacked);
    try {
      await unpacked;
    } finally {
      this.#unpacking.delete(dir);
    }
    return dir;
  }

  /** Restarts an instance that ends by itself, as Cloud Run does. */
  #keepRunning(revision: Revision, start: () => Promise<Child>): void {
    const watch = async (): Promise<void> => {
      for (let pause = 200; ; pause = Math.min(pause * 2, 10_000)) {
        await revision.child.ended;
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
        if (revision.stopping) return;
        revision.child = await start();
      }
    };
    watch().catch((error: unknown) => {
      process.stderr.write(`Cloud Run revision ${revision.name} cannot be restarted: ${(error as Error).message}\n`);
    });
  }

  /** The service's own URL, empty if the program disables it. */
  async #openFront(resource: Resource, location: string, name: string): Promise<string> {
    const { id, inputs } = resource;
    if (inputs["defaultUriDisabled"] === true) {
      await this.#closeFront(id);
      return "";
    }
    const [, , purpose] = purposes(location, name);
    const port = this.#fronts.has(id) ? this.#parts.ports.portOf(purpose) : await this.#parts.ports.take(purpose);
    if (!this.#fronts.has(id)) {
      const server = createServer((request, response) => {
        this.#answer(id, request, response).catch(() => response.destroy());
      });
      await listen(server, port);
      this.#fronts.set(id, server);
    }
    return `http://127.0.0.1:${port}`;
  }

  async #answer(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ingress = this.#parts.inventory.find(serviceType, id)?.inputs["ingress"];
    if (ingress !== undefined && ingress !== "INGRESS_TRAFFIC_ALL") {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("This service takes requests from the load balancer only (ingress).\n");
      return;
    }
    const headers = endToEndHeaders(request.rawHeaders).filter(([key]) => key.toLowerCase() !== "x-forwarded-for");
    const forwarded = [request.headers["x-forwarded-for"], request.socket.remoteAddress]
      .flat()
      .filter(Boolean)
      .join(",");
    headers.push(["X-Forwarded-For", forwarded], ["X-Forwarded-Proto", "https"]);
    try {
      await this.serve(id, request, response, headers);
    } catch (error) {
      if (response.headersSent) throw error;
      response.writeHead(503, { "content-type": "text/plain" });
      response.end(`${(error as Error).message}\n`);
    }
  }

  async #closeFront(id: string): Promise<void> {
    const server = this.#fronts.get(id);
    if (server === undefined) return;
    this.#fronts.delete(id);
    await closeServer(server);
  }
}

/** The ports of a service: one each for even and odd revisions, because two run during a replacement, and one for its own address. */
function purposes(location: string, name: string): [even: string, odd: string, front: string] {
  const service = `Cloud Run service ${name} in ${location}`;
  return [`${service}, even revisions`, `${service}, odd revisions`, service];
}

function onlyContainer(inputs: Values): Values {
  const containers = objects(object(inputs["template"])["containers"]);
  const [container] = containers;
  if (container === undefined || containers.length > 1) {
    throw new Error(
      `The emulated Cloud Run needs exactly one container per service, this one has ${containers.length}.`,
    );
  }
  if (Object.keys(object(object(container["sourceCode"])["cloudStorageSource"])).length === 0) {
    throw new Error(
      `The emulated Cloud Run runs only source (sourceCode.cloudStorageSource), not the image ${String(container["image"])}.`,
    );
  }
  return container;
}

async function unpackTo(dir: string, name: string, fetchArchive: () => Promise<Buffer>): Promise<void> {
  if (existsSync(dir)) return;
  const part = `${dir}.part`;
  await rm(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  await unpackSource(await fetchArchive(), part, name);
  await rename(part, dir);
}

/**
 * Waits for the startup probe: `httpGet`, else TCP, Cloud Run's default. The time limit is Cloud Run's (initial delay + period x threshold).
 * Probes more often than Cloud Run, because a user waits.
 */
async function started(child: Child, port: number, probe: Values): Promise<void> {
  const seconds = (name: string, otherwise: number): number => Number(probe[name] ?? otherwise);
  const allowed =
    Object.keys(probe).length === 0
      ? 240
      : seconds("initialDelaySeconds", 0) + seconds("periodSeconds", 10) * seconds("failureThreshold", 3);
  const deadline = Date.now() + allowed * 1000;
  const httpGet = object(probe["httpGet"]);
  const path = typeof httpGet["path"] === "string" ? httpGet["path"] : "/";
  let end: string | undefined;
  void child.ended.then((how) => {
    end = how;
  });
  for (;;) {
    if (end !== undefined)
      throw new Error(`The container ${end}. Its log (${child.logFile}) ends with:\n${logTail(child.logFile)}`);
    if ((await accepts(port)) && (probe["httpGet"] === undefined || (await isHealthy(port, path)))) return;
    if (Date.now() > deadline) {
      throw new Error(
        `The container did not pass its startup probe on PORT=${port} within ${allowed} s. Its log (${child.logFile}) ends with:\n${logTail(child.logFile)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function isHealthy(port: number, path: string): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      redirect: "manual",
      signal: AbortSignal.timeout(2000),
    });
    await response.arrayBuffer();
    return response.status >= 200 && response.status < 400;
  } catch {
    return false; // the caller tries again until its deadline
  }
}
