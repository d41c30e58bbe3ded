/** Real object stores for tests: fake-gcs-server and versitygw, on free ports, data in a folder of their own. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutBucketPolicyCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import type { StorageSettings } from "../../components/promotion/run/request.ts";
import { toolPath } from "../../local/tools/tools.ts";
import { afterFile } from "./cleanup.ts";
import { freePort } from "./ports.ts";
import { builtTools } from "./programs.ts";
import { answers, end } from "./seed-servers.ts";

await builtTools("versitygw", "fake-gcs-server");

/** Stores that run. */
export interface ObjectStores {
  /** e.g. `http://127.0.0.1:5514` */
  readonly gcs: string;
  /** e.g. `http://127.0.0.1:5515` */
  readonly s3: string;
  /** The two, as requests and the stack's config name them. */
  readonly settings: StorageSettings;
  /** A client of the S3 store that the code under test knows nothing of. */
  readonly s3Client: S3Client;
  /** A folder for the test's own use. */
  readonly folder: string;
  makeBucket(kind: "gcs" | "s3", name: string, options?: { versioned?: boolean }): Promise<void>;
  /** Lets everybody read the objects of an S3 bucket, and list none. */
  letAllRead(bucket: string): Promise<void>;
  /** Puts an object into a GCS bucket as a project's own tools would. */
  stage(bucket: string, path: string, content: Uint8Array | string, headers?: Record<string, string>): Promise<void>;
  /** Removes an object from a GCS bucket, as somebody does by hand. It must be there. */
  remove(bucket: string, path: string): Promise<void>;
  /** The bytes that a client without credentials gets from a GCS bucket; undefined = 404. */
  served(bucket: string, key: string): Promise<{ bytes: Buffer; headers: Headers } | undefined>;
  stop(): Promise<void>;
}

/** Starts versitygw; resolves when it answers. Sets the environment's AWS credentials to those of the store. */
export async function startVersityGateway(): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-s3-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const folders = { iam: join(folder, "iam"), versions: join(folder, "versions"), root: join(folder, "root") };
  for (const path of Object.values(folders)) await mkdir(path);
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "testkey", AWS_SECRET_ACCESS_KEY: "testsecret" });
  const flags = `--port 127.0.0.1:${port} --access testkey --secret testsecret --region us-east-1 --health /healthz --quiet`;
  const backend = ["--iam-dir", folders.iam, "posix", "--versioning-dir", folders.versions, folders.root];
  const child = spawn(await toolPath("versitygw"), [...flags.split(" "), ...backend], { stdio: "ignore" });
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  return await started(`${url}/healthz`, { url, stop });
}

/** Starts fake-gcs-server, all in its memory; resolves when it answers. */
async function startFakeGcs(): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = `-scheme http -host 127.0.0.1 -port ${port} -public-host 127.0.0.1:${port} -external-url ${url}`;
  const quiet = ["-backend", "memory", "-log-level", "error"];
  const child = spawn(await toolPath("fake-gcs-server"), [...flags.split(" "), ...quiet], { stdio: "ignore" });
  return await started(`${url}/_internal/healthcheck`, { url, stop: () => end(child) });
}

async function started<Server extends { stop(): Promise<void> }>(health: string, server: Server): Promise<Server> {
  afterFile(() => server.stop());
  try {
    await answers(health);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** Starts both stores; resolves when both answer. */
export async function startObjectStores(): Promise<ObjectStores> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-stores-"));
  const [gcsServer, s3Server] = await Promise.all([startFakeGcs(), startVersityGateway()]);
  const [gcs, s3] = [gcsServer.url, s3Server.url];
  const s3Client = new S3Client({ endpoint: s3, region: "us-east-1", forcePathStyle: true });
  const stop = async (): Promise<void> => {
    s3Client.destroy();
    await Promise.all([gcsServer.stop(), s3Server.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  return {
    gcs,
    s3,
    settings: { gcsEndpoint: `${gcs}/storage/v1/`, s3Endpoint: s3, s3UsePathStyle: true },
    s3Client,
    folder,
    stop,
    async makeBucket(kind, name, { versioned = false } = {}) {
      if (kind === "gcs") {
        await ok(`${gcs}/storage/v1/b?project=p`, {
          method: "POST",
          body: JSON.stringify({ name, versioning: { enabled: versioned } }),
        });
        return;
      }
      await s3Client.send(new CreateBucketCommand({ Bucket: name }));
      if (!versioned) return;
      const VersioningConfiguration = { Status: "Enabled" } as const;
      await s3Client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
    },
    async letAllRead(bucket) {
      const Policy = JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` }],
      });
      await s3Client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    },
    async stage(bucket, path, content, headers = {}) {
      const body = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
      const query = new URLSearchParams({ uploadType: "media", name: path, ...headers });
      await ok(`${gcs}/upload/storage/v1/b/${bucket}/o?${query}`, { method: "POST", body });
    },
    remove: (bucket, path) => ok(`${gcs}/storage/v1/b/${bucket}/o/${encodeURIComponent(path)}`, { method: "DELETE" }),
    async served(bucket, key) {
      const response = await fetch(`${gcs}/${bucket}/${key}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`${response.url}: HTTP ${response.status}`);
      return { bytes, headers: response.headers };
    },
  };
}

async function ok(url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status} ${text}`);
}
