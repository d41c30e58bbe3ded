/** Real object stores for tests: fake-gcs-server and versitygw, on free ports, data in a folder of their own. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import { toolPath } from "../../local/tools/tools.ts";
import { answers, end, freePort } from "./seed-servers.ts";

/** Stores that run. */
export interface ObjectStores {
  /** e.g. `http://127.0.0.1:5514` */
  readonly gcs: string;
  /** e.g. `http://127.0.0.1:5515` */
  readonly s3: string;
  /** A client of the S3 store that the code under test knows nothing of. */
  readonly s3Client: S3Client;
  /** A folder for the test's own use. */
  readonly folder: string;
  makeBucket(kind: "gcs" | "s3", name: string, options?: { versioned?: boolean }): Promise<void>;
  /** Puts an object into a GCS bucket as a project's own tools would. */
  stage(bucket: string, path: string, content: Uint8Array | string, headers?: Record<string, string>): Promise<void>;
  /** The bytes that a client without credentials gets from a GCS bucket; undefined = 404. */
  served(bucket: string, key: string): Promise<{ bytes: Buffer; headers: Headers } | undefined>;
  stop(): Promise<void>;
}

/** Starts both stores; resolves when both answer. Sets the environment's AWS credentials to those of the store. */
export async function startObjectStores(): Promise<ObjectStores> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-stores-"));
  const [gcsPort, s3Port] = [await freePort(), await freePort()];
  const [gcs, s3] = [`http://127.0.0.1:${gcsPort}`, `http://127.0.0.1:${s3Port}`];
  const folders = { iam: join(folder, "iam"), versions: join(folder, "versions"), root: join(folder, "root") };
  for (const path of Object.values(folders)) await mkdir(path);
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "testkey", AWS_SECRET_ACCESS_KEY: "testsecret" });
  const at = `-scheme http -host 127.0.0.1 -port ${gcsPort} -public-host 127.0.0.1:${gcsPort} -external-url ${gcs}`;
  const gateway = `--port 127.0.0.1:${s3Port} --access testkey --secret testsecret --region us-east-1 --health /healthz --quiet`;
  const children = [
    spawn(await toolPath("fake-gcs-server"), `${at} -backend memory -log-level error`.split(" "), { stdio: "ignore" }),
    spawn(
      await toolPath("versitygw"),
      [...gateway.split(" "), "--iam-dir", folders.iam, "posix", "--versioning-dir", folders.versions, folders.root],
      { stdio: "ignore" },
    ),
  ];
  const s3Client = new S3Client({ endpoint: s3, region: "us-east-1", forcePathStyle: true });
  const stop = async (): Promise<void> => {
    s3Client.destroy();
    await Promise.all(children.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answers(`${gcs}/_internal/healthcheck`);
    await answers(`${s3}/healthz`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    gcs,
    s3,
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
    async stage(bucket, path, content, headers = {}) {
      const body = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
      const query = new URLSearchParams({ uploadType: "media", name: path, ...headers });
      await ok(`${gcs}/upload/storage/v1/b/${bucket}/o?${query}`, { method: "POST", body });
    },
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
