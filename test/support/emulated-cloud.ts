/** An emulated cloud in a temporary directory for tests, and operations on it. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { type CloudOptions, type EmulatedCloud, startCloud } from "../../local/cloud/cloud.ts";
import type { Resource, Values } from "../../local/cloud/inventory.ts";
import type { PortBlock } from "../../local/cloud/ports.ts";
import { CloudClient } from "../../local/providers/cloud-client.ts";
import { afterFile } from "./cleanup.ts";
import { claimBlock } from "./ports.ts";

/** Provider settings of the tests' resources. */
export const providerConfig = { project: "demo", region: "us-central1" };

/** A test's cloud and its directory. */
export interface TestCloud {
  readonly dir: string;
  readonly ports: PortBlock;
  cloud: EmulatedCloud;
  client: CloudClient;
  /** Stops it and starts another one on the same data. */
  restart(): Promise<void>;
  /** Stops it and removes the data. */
  end(): Promise<void>;
}

/** Starts a cloud on free ports. */
export async function testCloud(options: Partial<CloudOptions> = {}): Promise<TestCloud> {
  const dir = await mkdtemp(join(tmpdir(), "emulated-cloud-"));
  const ports = await claimBlock(40);
  const cloud = await startCloud({ dir, ports, ...options });
  afterFile(() => existsSync(dir) && test.cloud.stop()); // else it has ended
  const test: TestCloud = {
    dir,
    ports,
    cloud,
    client: new CloudClient(cloud.control),
    async restart() {
      await test.cloud.stop();
      test.cloud = await startCloud({ dir, ports });
    },
    async end() {
      await test.cloud.stop();
      await rm(dir, { recursive: true });
    },
  };
  return test;
}

/** Creates a resource, as a provider does. */
export function make(
  client: CloudClient,
  type: string,
  id: string,
  inputs: Values,
  computed: Values = {},
): Promise<Resource> {
  return client.create({ type, id, inputs, computed, config: providerConfig }, false);
}

/** A .tar.gz whose `start` is a Node.js program that answers with the received request as JSON. */
export async function echoSource(version: string): Promise<Uint8Array> {
  const program = `
    import http from "node:http";
    http.createServer((request, response) => {
      if (request.url === "/fail") process.exit(1);
      const { PORT, REGION, K_SERVICE, K_REVISION } = process.env;
      response.end(JSON.stringify({ version: "${version}", url: request.url, headers: request.headers, env: { PORT, REGION, K_SERVICE, K_REVISION } }));
    }).listen(process.env.PORT, "127.0.0.1");`;
  const start = `#!/bin/sh\nexec '${process.execPath}' program.mjs\n`;
  const file = (name: string, mode: number, body: string) => ({ header: { name, mode, size: body.length }, body });
  return gzipSync(await packTar([file("start", 0o755, start), file("program.mjs", 0o644, program)]));
}

/** Uploads an object to the emulated Cloud Storage, as an authorized client. */
export async function upload(
  cloud: EmulatedCloud,
  bucket: string,
  name: string,
  body: Uint8Array | string,
): Promise<void> {
  const url = `${cloud.endpoints.gcs}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`;
  const response = await fetch(url, { method: "POST", body: Buffer.from(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}

/** Inputs of a Cloud Run service that runs an object of a bucket. */
export function serviceInputs(name: string, location: string, object: string, more: Values = {}): Values {
  return {
    name,
    location,
    deletionProtection: false,
    ingress: "INGRESS_TRAFFIC_ALL",
    invokerIamDisabled: true,
    template: {
      containers: [
        {
          image: "scratch",
          commands: ["./start"],
          sourceCode: { cloudStorageSource: { bucket: "src", object } },
          envs: [{ name: "REGION", value: location }],
          startupProbe: { httpGet: { path: "/" }, periodSeconds: 1, failureThreshold: 30 },
        },
      ],
    },
    ...more,
  };
}

/** The id of a Cloud Run service. */
export function serviceId(name: string, location: string): string {
  return `projects/${providerConfig.project}/locations/${location}/services/${name}`;
}
