import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { toolPath } from "../tools/tools.ts";
import { repository } from "./behaviours/artifact-registry.ts";
import type { Behaviour, CloudParts } from "./behaviours/behaviour.ts";
import { CloudRun, serviceType } from "./behaviours/cloud-run.ts";
import { CloudRunJobs, jobType } from "./behaviours/cloud-run-jobs.ts";
import { bucket, bucketObject } from "./behaviours/gcs.ts";
import { r2Bucket, r2CustomDomain } from "./behaviours/r2.ts";
import { s3Bucket, s3BucketCors, s3BucketPolicy, s3BucketVersioning } from "./behaviours/s3.ts";
import { controlServer } from "./control.ts";
import { type DelaySettings, Delays } from "./delays.ts";
import { dnsRecord, recordType } from "./dns.ts";
import { dnssecType, zoneDsRecord } from "./dnssec.ts";
import { Faults } from "./faults.ts";
import { Guard } from "./guard.ts";
import { CloudInventory } from "./inventory.ts";
import { forwardingRuleType, globalAddress, LoadBalancers } from "./load-balancer.ts";
import { type PortBlock, Ports } from "./ports.ts";
import { Processes, type RecordedProcess } from "./processes.ts";
import { closeServer, listen, Servers } from "./servers.ts";

/** Options of an emulated cloud. */
export interface CloudOptions {
  /** Folder of inventory, data, logs and pids. Created if absent. */
  readonly dir: string;
  /** Loopback ports of the whole cloud. The control API gets the first. */
  readonly ports: PortBlock;
  /** Locations whose registry must run before the program creates a repository there. Others start on demand. */
  readonly registries?: readonly string[];
  /** AWS regions whose S3 must run from the start. Others start on demand. */
  readonly s3Regions?: readonly string[];
  /** Whether IAM stands in front of registries and buckets, from when it is switched on (`PUT /v1/guard`). */
  readonly guarded?: boolean;
  /** What takes time. Default: nothing. */
  readonly delays?: DelaySettings;
  /** Aborts the start: stops what was started, and the start throws. No effect afterwards. */
  readonly signal?: AbortSignal;
}

/** A running emulated cloud. */
export interface EmulatedCloud {
  /** URL of the control API, e.g. `http://127.0.0.1:5400`: the provider plugins' `ARTIFACTS_CLOUD`. */
  readonly control: string;
  /** URLs of Cloud Storage and S3 (path style, all regions), and ports of the registries by location, as of the start. */
  readonly endpoints: {
    readonly gcs: string;
    /** The same without IAM in front. */
    readonly gcsServer: string;
    readonly s3: string;
    readonly registries: Readonly<Record<string, number>>;
  };
  /** Environment for clients of the cloud: the control API and the credentials of the emulated AWS account. */
  readonly environment: Readonly<Record<string, string>>;
  /** Processes that a killed predecessor left running and that were stopped. */
  readonly leftovers: readonly RecordedProcess[];
  /** Resources that could not be restored, one sentence each. The next `pulumi up` must repair them. */
  readonly problems: readonly string[];
  /** The port of a location's registry, started if needed. */
  registry(location: string): Promise<number>;
  /** Stops every process and listener. */
  stop(): Promise<void>;
}

/**
 * Starts the emulated cloud on the directory's data. Throws if another one runs on the directory, a port is in use, or a server does not
 * start; nothing is left running then.
 */
export async function startCloud(options: CloudOptions): Promise<EmulatedCloud> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const processes = new Processes(dir);
  const leftovers = await processes.takeOver();
  let running: Running | undefined;
  try {
    running = await open(dir, options, processes);
    return { ...(await unlessAborted(options.signal, running.start(options))), leftovers };
  } catch (error) {
    await running?.close();
    await processes.stopAll();
    throw error;
  }
}

async function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {}); // after an abort it fails, because its servers are stopped
  }
}

interface Running {
  start(options: CloudOptions): Promise<Omit<EmulatedCloud, "leftovers">>;
  close(): Promise<void>;
}

async function open(dir: string, options: CloudOptions, processes: Processes): Promise<Running> {
  const inventory = CloudInventory.open(join(dir, "inventory.json"));
  const ports = new Ports(options.ports, inventory.allocation);
  const [olareg, fakeGcsServer, versitygw] = await Promise.all([
    toolPath("olareg"),
    toolPath("fake-gcs-server"),
    toolPath("versitygw"),
  ]);
  const delays = new Delays(options.delays);
  const guard = options.guarded === true ? new Guard(inventory, delays) : undefined;
  const servers = new Servers({ dir, ports, processes, tools: { olareg, fakeGcsServer, versitygw }, guard });
  const parts: CloudParts = { dir, inventory, delays, ports, processes, servers };
  const cloudRun = new CloudRun(parts);
  const jobs = new CloudRunJobs(parts, {
    inventory,
    accessToken: (member) => guard?.issue({ members: [member] }) ?? "of the emulated cloud",
    roleKeys: (awsRole) =>
      guard === undefined
        ? servers.s3Credentials
        : { accessKeyId: guard.issue({ members: [], awsRole }), secretAccessKey: "of a role" },
  });
  const loadBalancers = new LoadBalancers(parts, cloudRun);
  const behaviours: Readonly<Record<string, Behaviour>> = {
    "gcp:artifactregistry/repository:Repository": repository(parts),
    "gcp:storage/bucket:Bucket": bucket(parts),
    "gcp:storage/bucketObject:BucketObject": bucketObject(parts),
    "gcp:compute/globalAddress:GlobalAddress": globalAddress(parts),
    [forwardingRuleType]: loadBalancers.behaviour,
    [serviceType]: cloudRun.behaviour,
    [jobType]: jobs.behaviour,
    [recordType]: dnsRecord(parts),
    [dnssecType]: { create: async ({ id }) => ({ ds: zoneDsRecord(id) }) },
    "aws:s3/bucket:Bucket": s3Bucket(parts),
    "aws:s3/bucketPolicy:BucketPolicy": s3BucketPolicy(parts),
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": s3BucketCors(parts),
    "aws:s3/bucketVersioning:BucketVersioning": s3BucketVersioning(parts),
    "cloudflare:index/r2Bucket:R2Bucket": r2Bucket(parts),
    "cloudflare:index/r2CustomDomain:R2CustomDomain": r2CustomDomain(parts),
  };
  const control = controlServer({
    inventory,
    delays,
    guard,
    faults: new Faults(),
    behaviours,
    jobs,
    addresses: () => loadBalancers.addresses(),
    status: async () => ({ gcs: servers.gcs, s3: servers.s3, registries: await servers.registries() }),
  });
  const close = async (): Promise<void> => {
    await Promise.all([closeServer(control), loadBalancers.close(), cloudRun.close(), jobs.close(), servers.close()]);
    await Promise.all([inventory.save(), processes.stopAll()]);
  };
  return {
    close,
    async start({ registries = [], s3Regions = [] }) {
      const controlPort = await ports.take("control API of the emulated cloud");
      const before = (prefix: string): string[] =>
        Object.keys(ports.allocation).flatMap((purpose) =>
          purpose.startsWith(prefix) ? [purpose.slice(prefix.length)] : [],
        );
      const locations = new Set([...registries, ...before("image registry ")]);
      const regions = new Set([...s3Regions, ...before("S3 ")]);
      await all([
        listen(control, controlPort),
        servers.start(inventory),
        ...[...locations].map((location) => servers.registry(location)),
        ...[...regions].map((region) => servers.gateway(region)),
      ]);
      const problems = await resume(inventory, behaviours);
      await inventory.save();
      const address = `http://127.0.0.1:${controlPort}`;
      return {
        control: address,
        endpoints: {
          gcs: servers.gcs,
          gcsServer: servers.gcsServer,
          s3: servers.s3,
          registries: await servers.registries(),
        },
        environment: {
          ARTIFACTS_CLOUD: address,
          AWS_ACCESS_KEY_ID: servers.s3Credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: servers.s3Credentials.secretAccessKey,
        },
        problems,
        registry: (location) => servers.registry(location),
        stop: close,
      };
    },
  };
}

async function resume(inventory: CloudInventory, behaviours: Readonly<Record<string, Behaviour>>): Promise<string[]> {
  const problems = await Promise.all(
    inventory.list().map(async (resource) => {
      try {
        await behaviours[resource.type]?.resume?.(resource);
        return [];
      } catch (error) {
        return [`${resource.type} ${resource.id} could not be restored: ${(error as Error).message}`];
      }
    }),
  );
  return problems.flat();
}

/** Like Promise.all, but waits for all promises before it fails, so that everything that was started can be stopped. */
async function all(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
