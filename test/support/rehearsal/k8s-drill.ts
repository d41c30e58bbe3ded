/** k8s.io in small beside a rehearsal: its checkout, its production in buckets and repositories of other names, and the commands of the move. */
import assert from "node:assert/strict";
import { glob, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { projectRoot } from "../../../local/tools/rehearsal-folder.ts";
import { commandsBySection } from "../documents/section-commands.ts";
import { type K8sSample, makeK8sSample, sampleBlobs, stagedFilesFolder } from "../k8s-sample.ts";
import { pull } from "../registries.ts";
import { Drill } from "./drill.ts";

/** Google Cloud project of the rehearsal. */
const project = "rehearsal-artifacts";
const regions = ["us-central1", "europe-west1"];

/** The buckets and repositories that k8s.io serves from before the move. */
export const today = {
  repository: "images",
  s3: { region: "us-east-1", bucket: "prod-registry-k8s-io-us-east-1" },
  gcs: { region: "us-central1", bucket: "k8s-artifacts-prod" },
} as const;

/** A rehearsal with a checkout of k8s.io in its folder. */
export class K8sDrill {
  readonly drill: Drill;
  readonly sample: K8sSample;
  /** The folder of the checkout. */
  readonly checkout: string;
  /** The folder of the projects that are imported. */
  readonly manifests: string;

  private constructor(drill: Drill, sample: K8sSample) {
    this.drill = drill;
    this.sample = sample;
    this.checkout = join(drill.workspace.folder, "k8s.io");
    this.manifests = join(drill.workspace.folder, "manifests");
  }

  /** Starts it, with so many images in staging, and files. @param inProduction whether they are in production as well. */
  static async open(digests: number, inProduction: boolean): Promise<K8sDrill> {
    const drill = await Drill.open();
    const staging = `127.0.0.1:${await drill.cloud.registry("us")}`;
    const existing = inProduction ? await makeExisting(drill) : [];
    const k8s = new K8sDrill(drill, await makeK8sSample(digests, staging, existing, inProduction ? "today" : project));
    for (const [path, text] of k8s.sample.checkout) {
      await mkdir(dirname(join(k8s.checkout, path)), { recursive: true });
      await writeFile(join(k8s.checkout, path), text);
    }
    for (const [key, bytes] of k8s.sample.files)
      if (inProduction) {
        await putGcs(drill, today.gcs.bucket, key, bytes);
        await putS3(drill, key, bytes);
      } else await putGcs(drill, "rehearsal-staging-kops", key.replace("binaries/kops", stagedFilesFolder), bytes);
    if (inProduction)
      for (const [digest, bytes] of sampleBlobs(digests)) await putS3(drill, `containers/images/${digest}`, bytes);
    drill.checkpoints = false;
    return k8s;
  }

  /** Runs a command as the document has it, on the rehearsal's stack and folders. @returns its output. */
  async run(command: string): Promise<string> {
    return await this.drill.run(this.#here(command));
  }

  #here(command: string): string {
    return command
      .replaceAll("<checkout of k8s.io>", this.checkout)
      .replace(/^npm run adopt -- --stack prod/, "npm run adopt") // on the only stack of the rehearsal
      .replace(/^npm run (import|check|compare)\b(?: --)?/, (_, name: string) => {
        const artifacts = join(projectRoot, "components/commands/artifacts.mjs");
        return [process.execPath, artifacts, name, ...(name === "check" ? [] : ["--manifests"]), this.manifests].join(
          " ",
        );
      });
  }

  /** `<host>/<path>` of today's images in a region, and of the same repository after the move. */
  async registry(region: (typeof regions)[number]): Promise<string> {
    return `127.0.0.1:${await this.drill.cloud.registry(region)}/${project}/${today.repository}`;
  }

  /** `host:port` of the load balancer, which answers whether or not a name points to it. */
  async loadBalancer(): Promise<string> {
    const answer = await fetch(`${this.drill.cloud.control}/v1/load-balancers`);
    const port = ((await answer.json()) as { https: boolean; port: number }[]).find(({ https }) => https)?.port;
    assert.ok(port, "no load balancer for https");
    return `127.0.0.1:${port}`;
  }

  /** Every name is pulled by its tag, and each file downloaded, through a redirector. @param host its `host:port`. */
  async assertServed(host: string): Promise<void> {
    for (const [name, digest] of this.sample.pulled) {
      const answer = await fetch(`http://${host}/v2/${name.replace(":", "/manifests/")}`, {
        headers: { accept: "*/*" },
      });
      assert.equal(answer.status, 200, `${name}: ${answer.url}`);
      assert.equal(answer.headers.get("docker-content-digest"), digest, name);
    }
    for (const name of [...this.sample.pulled.keys()].slice(0, 3)) await pull(`${host}/${name}`);
    for (const [key, bytes] of this.sample.files) {
      const answer = await fetch(`http://${host}/${key}`);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes, key);
    }
  }

  /** What stands in today's repositories and buckets, with the time at which it was written. */
  async existing(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const region of regions) {
      const cwd = join(this.drill.workspace.folder, "cloud/registries", region, project, today.repository);
      for await (const file of glob("**/blobs/sha256/*", { cwd })) {
        const { ino, mtimeNs } = await stat(join(cwd, file), { bigint: true });
        found.set(`${region}/${file}`, `${ino} ${mtimeNs}`);
      }
    }
    const gcs = `${this.drill.cloud.endpoints.gcs}/storage/v1/b/${today.gcs.bucket}/o?prefix=binaries/`;
    const { items = [] } = (await (await fetch(gcs)).json()) as { items?: { name: string; generation: string }[] };
    for (const { name, generation } of items) found.set(`gs/${name}`, generation);
    const client = s3Client(this.drill);
    for (const Prefix of ["binaries/", "containers/"]) {
      const list = await client.send(new ListObjectsV2Command({ Bucket: today.s3.bucket, Prefix }));
      for (const { Key, LastModified } of list.Contents ?? []) found.set(`s3/${Key}`, String(LastModified?.getTime()));
    }
    client.destroy();
    return found;
  }

  async end(): Promise<void> {
    await this.drill.end();
  }
}

/** The commands of docs/moving-from-k8s.md, in their order. */
export async function movingCommands(): Promise<string[]> {
  return [...(await commandsBySection("docs/moving-from-k8s.md")).values()].flat();
}

/** Makes today's repositories and buckets as somebody else has made them. @returns `<host>/<path>` of the repositories. */
async function makeExisting(drill: Drill): Promise<string[]> {
  const make = async (type: string, id: string, inputs: object): Promise<void> => {
    const config = { project, region: today.s3.region };
    const body = JSON.stringify({ type, id, inputs, computed: {}, config });
    const answer = await fetch(`${drill.cloud.control}/v1/resources`, { method: "POST", body });
    assert.equal(answer.status, 201, await answer.text());
  };
  for (const location of regions)
    await make(
      "gcp:artifactregistry/repository:Repository",
      `projects/${project}/locations/${location}/repositories/${today.repository}`,
      {
        project,
        location,
        repositoryId: today.repository,
        format: "DOCKER",
        description: "images for registry.k8s.io",
        mode: "STANDARD_REPOSITORY",
      },
    );
  await make("gcp:storage/bucket:Bucket", today.gcs.bucket, {
    project,
    name: today.gcs.bucket,
    location: today.gcs.region.toUpperCase(),
    uniformBucketLevelAccess: true,
  });
  await make("aws:s3/bucket:Bucket", today.s3.bucket, { bucket: today.s3.bucket, region: today.s3.region });
  return Promise.all(
    regions.map(async (region) => `127.0.0.1:${await drill.cloud.registry(region)}/${project}/${today.repository}`),
  );
}

async function putGcs(drill: Drill, bucket: string, key: string, bytes: Buffer): Promise<void> {
  const { gcs } = drill.cloud.endpoints;
  await fetch(`${gcs}/storage/v1/b?project=${project}`, { method: "POST", body: JSON.stringify({ name: bucket }) });
  const url = `${gcs}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(key)}`;
  const answer = await fetch(url, { method: "POST", body: Uint8Array.from(bytes) });
  assert.ok(answer.ok, await answer.text());
}

async function putS3(drill: Drill, Key: string, Body: Buffer): Promise<void> {
  const client = s3Client(drill);
  await client.send(new PutObjectCommand({ Bucket: today.s3.bucket, Key, Body }));
  client.destroy();
}

function s3Client(drill: Drill): S3Client {
  const { s3Endpoint: endpoint, awsCredentials: credentials } = drill.rehearsal;
  return new S3Client({ endpoint, region: today.s3.region, credentials, forcePathStyle: true });
}
