import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { join } from "node:path";
import { gcsFront } from "./gcs-front.ts";
import type { Guard } from "./guard.ts";
import type { CloudInventory } from "./inventory.ts";
import { writeJson } from "./json-file.ts";
import { accepts, type Ports } from "./ports.ts";
import { type Child, logTail, type Processes } from "./processes.ts";
import { registryFront } from "./registry-front.ts";
import { bucketRegion, s3Front } from "./s3-front.ts";

/** Paths of the servers' executables. */
export interface ServerTools {
  readonly olareg: string;
  readonly fakeGcsServer: string;
  readonly versitygw: string;
}

/** Credentials of the emulated AWS account, random for each directory. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * The data planes of the emulated cloud, which are third-party servers: one olareg per location of Artifact Registry, one fake-gcs-server for
 * Cloud Storage, and one versitygw per AWS region behind a common front, because a versitygw accepts signatures of one region only.
 */
export class Servers {
  readonly #dir: string;
  readonly #ports: Ports;
  readonly #processes: Processes;
  readonly #tools: ServerTools;
  readonly #registries = new Map<string, Promise<{ port: number; child: Child }>>();
  readonly #gateways = new Map<string, Promise<number>>();
  readonly s3Credentials: S3Credentials;
  #gcsPort = 0;
  #s3Port = 0;
  #gcsServerPort = 0;
  readonly #fronts: Server[] = [];
  /** Ports of the fronts of the registries, by location. */
  readonly #guarded = new Map<string, number>();
  readonly #guard: Guard | undefined;

  /** @param options.guard stands in front of registries and buckets. */
  constructor(options: {
    dir: string;
    ports: Ports;
    processes: Processes;
    tools: ServerTools;
    guard: Guard | undefined;
  }) {
    this.#guard = options.guard;
    this.#dir = options.dir;
    this.#ports = options.ports;
    this.#processes = options.processes;
    this.#tools = options.tools;
    this.s3Credentials = credentials(join(options.dir, "s3-credentials.json"));
  }

  /** Starts the servers without a location: Cloud Storage and the front of S3. */
  async start(inventory: CloudInventory): Promise<void> {
    await Promise.all([this.#startGcs(inventory), this.#startS3Front(inventory)]);
  }

  /** URL of Cloud Storage, e.g. `http://127.0.0.1:5401`. The JSON API is below `/storage/v1/`, public objects are at `/<bucket>/<object>`. */
  get gcs(): string {
    return `http://127.0.0.1:${this.#gcsPort}`;
  }

  /** URL of the server behind the front of Cloud Storage, for the cloud itself: it needs no permission. */
  get gcsServer(): string {
    return `http://127.0.0.1:${this.#gcsServerPort}`;
  }

  /** URL of S3, e.g. `http://127.0.0.1:5402`: path style, all regions. */
  get s3(): string {
    return `http://127.0.0.1:${this.#s3Port}`;
  }

  /** The port of a location's registry. Starts it if necessary. */
  async registry(location: string): Promise<number> {
    return (await this.#registry(location)).port;
  }

  /** Ports of the running registries, by location. */
  async registries(): Promise<Record<string, number>> {
    const running = await Promise.all(
      [...this.#registries].map(async ([name, one]) => [name, (await one).port] as const),
    );
    return Object.fromEntries(running);
  }

  /** Removes a repository with all its images. Restarts the registry, because olareg keeps indexes in memory. */
  async dropRepository(location: string, path: string): Promise<void> {
    const data = join(this.#dir, "registries", location, path);
    if (!existsSync(data)) return;
    const running = this.#registry(location);
    const restarted = running.then(async ({ child }) => {
      await this.#processes.stop(child);
      rmSync(data, { recursive: true, force: true });
      return this.#startRegistry(location);
    });
    this.#registries.set(location, restarted); // before the first await: concurrent callers must wait for the restart
    await restarted;
  }

  /** The port of the S3 server of an AWS region. Starts it if necessary. */
  gateway(region: string): Promise<number> {
    return once(this.#gateways, region, () => this.#startGateway(region));
  }

  /** Closes the fronts in this process. {@link Processes} stops the children. */
  async close(): Promise<void> {
    await Promise.all(this.#fronts.map(closeServer));
  }

  #registry(location: string): Promise<{ port: number; child: Child }> {
    return once(this.#registries, location, () => this.#startRegistry(location));
  }

  async #startRegistry(location: string): Promise<{ port: number; child: Child }> {
    const purpose = `image registry ${location}`;
    const guard = this.#guard;
    // A restart is behind the same front.
    const front = this.#guarded.get(location) ?? (await this.#ports.take(purpose));
    const port = guard ? await this.#ports.take(`server of ${purpose}`) : front;
    const dir = join(this.#dir, "registries", location);
    mkdirSync(dir, { recursive: true });
    const child = await this.#processes.start({
      purpose,
      file: this.#tools.olareg,
      args: [
        "serve",
        "--addr",
        "127.0.0.1",
        "--port",
        `${port}`,
        "--dir",
        dir,
        "--api-delete",
        "--api-blob-delete",
      ].concat(
        "--gc-frequency",
        "24h", // keep untagged images: production refers to images by digest
      ),
      env: {},
    });
    await ready(`http://127.0.0.1:${port}/v2/`, child);
    if (guard && !this.#guarded.has(location)) {
      await this.#listen(registryFront(guard, location, port), front);
      this.#guarded.set(location, front);
    }
    return { port: front, child };
  }

  async #startGcs(inventory: CloudInventory): Promise<void> {
    const [front, port] = await Promise.all([
      this.#ports.take("Cloud Storage"),
      this.#ports.take("server of Cloud Storage"),
    ]);
    const root = join(this.#dir, "gcs");
    mkdirSync(root, { recursive: true });
    const child = await this.#processes.start({
      purpose: "Cloud Storage",
      file: this.#tools.fakeGcsServer,
      // The server recognises public URLs by the Host header, which is the front's.
      args: ["-scheme", "http", "-host", "127.0.0.1", "-port", `${port}`, "-public-host", `127.0.0.1:${front}`].concat(
        ["-external-url", `http://127.0.0.1:${front}`, "-backend", "filesystem", "-filesystem-root", root],
        ["-log-level", "warn"],
      ),
      env: {},
    });
    await ready(`http://127.0.0.1:${port}/_internal/healthcheck`, child);
    await this.#listen(gcsFront(inventory, port, this.#guard), front);
    this.#gcsPort = front;
    this.#gcsServerPort = port;
  }

  async #listen(listener: RequestListener, port: number): Promise<void> {
    const server = createServer(listener);
    server.requestTimeout = 0; // a large upload may take long
    await listen(server, port);
    this.#fronts.push(server);
  }

  async #startS3Front(inventory: CloudInventory): Promise<void> {
    const port = await this.#ports.take("S3");
    const regions = {
      bucketRegion: (name: string) => bucketRegion(inventory, name),
      gateway: (region: string) => this.gateway(region),
    };
    await this.#listen(s3Front(regions, this.#guard, this.s3Credentials), port);
    this.#s3Port = port;
  }

  async #startGateway(region: string): Promise<number> {
    const purpose = `S3 ${region}`;
    const port = await this.#ports.take(purpose);
    const root = join(this.#dir, "s3", region);
    for (const name of ["data", "versions"]) mkdirSync(join(root, name), { recursive: true });
    const start = (posix: string[]): Promise<Child> =>
      this.#processes.start({
        purpose,
        file: this.#tools.versitygw,
        args: [
          "--port",
          `127.0.0.1:${port}`,
          "--region",
          region,
          "--health",
          "/healthz",
          "--quiet",
          "--keep-alive",
        ].concat(["posix", "--versioning-dir", join(root, "versions")], [...posix, join(root, "data")]),
        env: {
          ROOT_ACCESS_KEY_ID: this.s3Credentials.accessKeyId,
          ROOT_SECRET_ACCESS_KEY: this.s3Credentials.secretAccessKey,
        },
      });
    const url = `http://127.0.0.1:${port}/healthz`;
    const child = await start([]);
    try {
      await ready(url, child);
    } catch (error) {
      if (!/xattr|extended attribute/i.test(logTail(child.logFile))) throw error;
      const sidecar = join(root, "sidecar"); // this file system has no extended attributes
      mkdirSync(sidecar, { recursive: true });
      await ready(url, await start(["--sidecar", sidecar]));
    }
    return port;
  }
}

/**
 * Waits until a server answers a GET with 200.
 * @throws if it ends, or does not answer within 20 seconds. The message has the end of its log.
 */
async function ready(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + 20_000;
  let end: string | undefined;
  void child.ended.then((how) => {
    end = how;
  });
  const port = Number(new URL(url).port);
  for (;;) {
    if (end !== undefined) throw new Error(`The ${child.purpose} ${end}.\n${logTail(child.logFile)}`);
    if (await accepts(port)) {
      const response = await fetch(url, { headers: { connection: "close" } }); // a kept connection delays the server's stop
      await response.arrayBuffer();
      if (response.ok) return;
    }
    if (Date.now() > deadline)
      throw new Error(`The ${child.purpose} does not answer at ${url}.\n${logTail(child.logFile)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Listens on a loopback port. */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

/** Stops listening and closes all connections. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((done) => server.close(done));
  server.closeAllConnections();
  await closed;
}

/** Returns the cached value of a key, or makes it. Failures are not cached. */
function once<T>(cache: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const before = cache.get(name);
  if (before !== undefined) return before;
  const made = make();
  cache.set(name, made);
  made.catch(() => cache.delete(name));
  return made;
}

function credentials(file: string): S3Credentials {
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as S3Credentials;
  const made = {
    accessKeyId: `REHEARSAL${randomBytes(6).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(24).toString("base64url"),
  };
  writeJson(file, made, 0o600);
  return made;
}
