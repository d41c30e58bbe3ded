/** Checks production with clients that share no code with the promotion: crane, plain HTTP, the official S3 client. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { glob, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ListObjectVersionsCommand, type ListObjectVersionsCommandOutput, S3Client } from "@aws-sdk/client-s3";
import type { DemoProject } from "../../local/seed/demo-project.ts";
import { catalogueLines } from "../support/catalogue-lines.ts";
import { peerPath } from "../support/peers.ts";
import type { CloudResource, Drill } from "../support/rehearsal/drill.ts";
import { s3Keys } from "../support/s3-keys.ts";

/** The exact content that production should have. */
export interface Wanted {
  /** Production name of an image (`dotslash/dotslash`) -> tag -> digest, including the signatures' tags. */
  readonly images: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Digests that no mirror may have, by image. */
  readonly gone: ReadonlyMap<string, readonly string[]>;
  /** Path below `binaries/` -> sha256. */
  readonly files: ReadonlyMap<string, string>;
}

/** The wanted content of production: the projects' `promoted` artifacts. */
export function wantedOf(projects: readonly DemoProject[]): Wanted {
  const images = new Map<string, Map<string, string>>();
  const gone = new Map<string, string[]>();
  const files = new Map<string, string>();
  for (const project of projects) {
    for (const image of project.images) {
      const tags = new Map<string, string>();
      const unwanted: string[] = [];
      for (const { digest, tags: names, promoted } of image.releases) {
        if (promoted) for (const name of names) tags.set(name, digest);
        else unwanted.push(digest);
        const signature = `${digest.replace(":", "-")}.sig`;
        const signed = image.manifests.find((manifest) => manifest.tags.includes(signature));
        if (signed === undefined) continue;
        if (promoted) tags.set(signature, signed.content.digest);
        else unwanted.push(signed.content.digest);
      }
      images.set(`${project.name}/${image.name}`, tags);
      gone.set(`${project.name}/${image.name}`, unwanted);
    }
    for (const { path, sha256, promoted } of project.files) if (promoted) files.set(`${project.name}/${path}`, sha256);
  }
  return { images, gone, files };
}

/** Asserts that every mirror has exactly the wanted content, complete. Also checks the numbers of image and file mirrors. */
export async function assertProduction(
  drill: Drill,
  wanted: Wanted,
  mirrors: { readonly images: number; readonly files: number } = { images: 2, files: 3 },
): Promise<void> {
  const resources = await drill.resources();
  const registries = imageMirrors(resources);
  const buckets = fileMirrors(drill, resources);
  assert.deepEqual({ images: registries.length, files: buckets.length }, mirrors, "mirrors");
  const [layers] = await Promise.all(registries.map((registry) => assertImages(registry, wanted)));
  await Promise.all([
    assertFiles(drill, wanted),
    ...buckets.filter(({ cloud }) => cloud === "aws").map((bucket) => assertLayers(bucket, layers!)),
  ]);
}

/** Asserts that every file mirror has exactly the wanted files. */
async function assertFiles(drill: Drill, { files }: Wanted): Promise<void> {
  const keys = [...files.keys()].map((path) => `binaries/${path}`).sort();
  await Promise.all(
    fileMirrors(drill, await drill.resources()).map(async ({ name, url, list }) => {
      assert.deepEqual(await list("binaries/"), keys, name);
      await Promise.all([...files].map(([path, hex]) => assertContent(`${url}/binaries/${path}`, `sha256:${hex}`)));
    }),
  );
}

/** Asserts that the catalogue's listing in every file mirror is exactly as wanted, parsed without the product's code. */
export async function assertCatalogue(drill: Drill, { images, files }: Wanted): Promise<void> {
  const wanted = [...files].map(([path, hex]) => `file ${path} sha256:${hex}`);
  for (const [image, tags] of images) {
    const byDigest = Map.groupBy(tags, ([, digest]) => digest);
    for (const [digest, its] of byDigest) {
      const names = its.map(([tag]) => tag).filter((tag) => !tag.startsWith("sha256-"));
      if (names.length > 0) wanted.push(`image ${image} ${digest} ${names.sort().join(" ")}`);
    }
  }
  await Promise.all(
    fileMirrors(drill, await drill.resources()).map(async (mirror) => {
      const listed = (await listing(mirror)).map(({ kind, what, digest, tags }) =>
        [kind, what, digest, ...tags].join(" "),
      );
      assert.deepEqual(listed.sort(), wanted.sort(), `the catalogue of ${mirror.name}`);
    }),
  );
}

/** Asserts that every mirror has what any mirror's catalogue lists. This holds at any moment, also after a kill. @returns the number of requests. */
export async function assertListedIsThere(drill: Drill): Promise<number> {
  const resources = await drill.resources();
  const buckets = fileMirrors(drill, resources);
  const lists = await Promise.all(buckets.map(async (mirror) => ({ mirror, lines: await listing(mirror) })));
  const urls = lists.flatMap(({ mirror, lines }) =>
    lines.flatMap(({ kind, what, digest, tags }) =>
      (kind === "file"
        ? buckets.map(({ url }) => `${url}/binaries/${what}`)
        : imageMirrors(resources).flatMap(({ uri }) => {
            const [host, ...path] = uri.split("/");
            return [digest, ...tags].map((one) => `http://${host}/v2/${path.join("/")}/${what}/manifests/${one}`);
          })
      ).map((url) => ({ url, mirror: mirror.name })),
    ),
  );
  const gone = await Promise.all(
    urls.map(async ({ url, mirror }) => {
      const { status } = await fetch(url, { method: "HEAD", headers: { accept: "*/*" } });
      return status === 200 ? [] : [`${mirror} lists ${url}, which answers ${status}`];
    }),
  );
  assert.deepEqual(gone.flat(), []);
  return urls.length;
}

/** The parsed listing of a file mirror's catalogue. */
async function listing({ name, url }: Bucket) {
  const lines = await catalogueLines(async (key) => {
    const answer = await fetch(`${url}/${key}`);
    assert.equal(answer.status, 200, `${name}: ${key}`);
    return Buffer.from(await answer.arrayBuffer());
  });
  return lines.map((line) => {
    const [kind, , what = "", digest = "", ...tags] = line.split("\t");
    return { kind, what: what.replace(/^binaries\//, ""), digest, tags: tags.sort() };
  });
}

/** Asserts that clients on two continents get a complete image and file from the site. */
export async function assertServed(drill: Drill, { images, files }: Wanted): Promise<void> {
  const site = await drill.control.site("artifacts.example.org");
  const [[image, tags]] = images as unknown as [[string, ReadonlyMap<string, string>]];
  const [tag, digest] = [...tags].find(([name]) => !name.startsWith("sha256-"))!;
  const [path, hex] = [...files][0]!;
  for (const location of ["40.71,-74.01", "52.52,13.40"]) {
    for (const [url, wanted] of [
      [`${site}/v2/${image}/manifests/${tag}`, digest],
      [`${site}/binaries/${path}`, `sha256:${hex}`],
    ] as const) {
      const way = await fetch(url, { redirect: "manual", headers: { accept: "*/*", "x-rehearsal-client": location } });
      assert.equal(way.status, 307, `${url}: ${await way.text()}`);
      await assertContent(way.headers.get("location")!, wanted);
    }
  }
}

interface Registry {
  readonly region: string;
  /** `127.0.0.1:<port>/<project>/<repository>` */
  readonly uri: string;
}

interface Bucket {
  readonly cloud: "gcp" | "aws";
  readonly name: string;
  /** Base URL for reads without credentials. */
  readonly url: string;
  list(prefix: string): Promise<string[]>;
}

/** One physical copy of some content. */
export interface PhysicalCopy {
  /** The file's inode and time in a registry, or the object's generation or version. Writing the same content again changes it. */
  readonly identity: string;
  readonly size: number;
}

/** All copies that promotions made in the mirrors, by location. */
export async function copies(drill: Drill): Promise<ReadonlyMap<string, PhysicalCopy>> {
  const resources = await drill.resources();
  const found = new Map<string, PhysicalCopy>();
  for (const { region, uri } of imageMirrors(resources)) {
    const repository = join(drill.workspace.folder, "cloud/registries", region, uri.slice(uri.indexOf("/") + 1));
    for await (const file of glob("**/blobs/sha256/*", { cwd: repository })) {
      const { ino, mtimeNs, size } = await stat(join(repository, file), { bigint: true });
      found.set(`${region}/${file}`, { identity: `${ino} ${mtimeNs}`, size: Number(size) });
    }
  }
  for (const { cloud, name } of fileMirrors(drill, resources)) {
    for (const [key, copy] of cloud === "gcp" ? await gcsGenerations(drill, name) : await s3Versions(drill, name)) {
      found.set(`${name}/${key}`, copy);
    }
  }
  return found;
}

async function gcsGenerations(drill: Drill, bucket: string): Promise<[string, PhysicalCopy][]> {
  const answer = await fetch(`${drill.cloud.endpoints.gcs}/storage/v1/b/${bucket}/o?prefix=binaries/&maxResults=1000`);
  const list = (await answer.json()) as {
    items?: { name: string; generation: string; size: string }[];
    nextPageToken?: string;
  };
  assert.equal(list.nextPageToken, undefined, "one page of objects is enough for a drill");
  return (list.items ?? []).map(({ name, generation, size }) => [name, { identity: generation, size: Number(size) }]);
}

async function s3Versions(drill: Drill, bucket: string): Promise<[string, PhysicalCopy][]> {
  const client = s3Client(drill, "us-east-1");
  try {
    const found: [string, PhysicalCopy][] = [];
    let page: ListObjectVersionsCommandOutput | undefined;
    do {
      page = await client.send(
        new ListObjectVersionsCommand({
          Bucket: bucket,
          KeyMarker: page?.NextKeyMarker,
          VersionIdMarker: page?.NextVersionIdMarker,
        }),
      );
      for (const { IsLatest, Key = "", VersionId = "", Size = 0 } of page.Versions ?? []) {
        // The catalogue is not a copy: it changes with its content.
        if (IsLatest && !Key.startsWith("catalog/")) found.push([Key, { identity: VersionId, size: Size }]);
      }
    } while (page.IsTruncated);
    return found;
  } finally {
    client.destroy();
  }
}

/** The image mirrors, by the program's labels. */
function imageMirrors(resources: readonly CloudResource[]): Registry[] {
  return resources
    .filter(
      ({ type, inputs }) => type === "gcp:artifactregistry/repository:Repository" && isProduction(inputs["labels"]),
    )
    .map(({ inputs, computed }) => ({ region: String(inputs["location"]), uri: String(computed["registryUri"]) }));
}

/** The file mirrors, by the program's labels. */
export function fileMirrors(drill: Drill, resources: readonly CloudResource[]): Bucket[] {
  const { gcs, s3 } = drill.cloud.endpoints;
  return resources.flatMap(({ type, inputs }): Bucket[] => {
    if (type === "gcp:storage/bucket:Bucket" && isProduction(inputs["labels"])) {
      const name = String(inputs["name"]);
      return [{ cloud: "gcp", name, url: `${gcs}/${name}`, list: (prefix) => listGcs(gcs, name, prefix) }];
    }
    if (type === "aws:s3/bucket:Bucket" && isProduction(inputs["tags"])) {
      const name = String(inputs["bucket"]);
      const list = (prefix: string) => listS3(drill, name, String(inputs["region"]), prefix);
      return [{ cloud: "aws", name, url: `${s3}/${name}`, list }];
    }
    return [];
  });
}

function isProduction(labels: unknown): boolean {
  return (labels as Record<string, string> | undefined)?.["purpose"] === "production";
}

/** Asserts the images of one mirror. @returns the digests of all blobs of the wanted images. */
async function assertImages({ region, uri }: Registry, { images, gone }: Wanted): Promise<ReadonlySet<string>> {
  const blobs = new Set<string>();
  const [host, ...path] = uri.split("/");
  await Promise.all(
    [...images].map(async ([image, tags]) => {
      const base = `http://${host}/v2/${path.join("/")}/${image}`;
      assert.deepEqual(await listTags(`${uri}/${image}`), [...tags.keys()].sort(), `${image} in ${region}`);
      await Promise.all(
        [...tags].map(async ([tag, digest]) => {
          const isSignature = /^sha256-[0-9a-f]{64}\.sig$/.test(tag);
          for (const blob of await readWhole(base, tag, digest)) if (!isSignature) blobs.add(blob);
        }),
      );
      for (const digest of gone.get(image) ?? []) {
        const answer = await fetch(`${base}/manifests/${digest}`, { method: "HEAD", headers: { accept: "*/*" } });
        assert.equal(answer.status, 404, `${image}@${digest} in ${region}`);
      }
    }),
  );
  return blobs;
}

async function listTags(repository: string): Promise<string[]> {
  const crane = await peerPath("crane");
  const listed = await promisify(execFile)(crane, ["ls", repository]).catch((error: Error) => {
    if (/NAME_UNKNOWN|404/.test(error.message)) return { stdout: "" };
    throw error;
  });
  return listed.stdout
    .split("\n")
    .filter((tag) => tag !== "")
    .sort();
}

interface AnyManifest {
  readonly manifests?: readonly { readonly digest: string }[];
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
}

/** Reads a manifest and everything below it, and verifies every digest. @returns the blobs' digests. */
async function readWhole(base: string, reference: string, digest: string): Promise<string[]> {
  const answer = await fetch(`${base}/manifests/${reference}`, { headers: { accept: "*/*" } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, `${base}/manifests/${reference}`);
  assert.equal(sha256(bytes), digest, `${base}/manifests/${reference}`);
  const { manifests = [], config, layers = [] } = JSON.parse(bytes.toString("utf8")) as AnyManifest;
  const below = await Promise.all(manifests.map((child) => readWhole(base, child.digest, child.digest)));
  const own = [...(config ? [config] : []), ...layers].map((blob) => blob.digest);
  await Promise.all(own.map((blob) => assertContent(`${base}/blobs/${blob}`, blob)));
  return [...own, ...below.flat()];
}

async function assertLayers(bucket: Bucket, digests: ReadonlySet<string>): Promise<void> {
  const keys = [...digests].map((digest) => `containers/images/${digest}`).sort();
  const listed = await bucket.list("containers/images/");
  // A bucket that is an image mirror has the blobs of signatures too.
  const isImageMirror = (await bucket.list("containers/registry/")).length > 0;
  const layers = isImageMirror ? listed.filter((key) => keys.includes(key)) : listed;
  assert.deepEqual(layers, keys, bucket.name);
  await Promise.all(keys.map((key) => assertContent(`${bucket.url}/${key}`, key.slice("containers/images/".length))));
}

async function assertContent(url: string, digest: string): Promise<void> {
  const answer = await fetch(url, { headers: { accept: "*/*" } });
  assert.equal(answer.status, 200, url);
  assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), digest, url);
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function listGcs(gcs: string, bucket: string, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let page: string | undefined = "";
  while (page !== undefined) {
    const query: URLSearchParams = new URLSearchParams({ prefix, pageToken: page });
    const answer: Response = await fetch(`${gcs}/storage/v1/b/${bucket}/o?${query}`);
    assert.equal(answer.status, 200, `the list of ${bucket}`);
    const list = (await answer.json()) as { items?: { name: string }[]; nextPageToken?: string };
    keys.push(...(list.items ?? []).map(({ name }) => name));
    page = list.nextPageToken;
  }
  return keys.sort();
}

async function listS3(drill: Drill, bucket: string, region: string, prefix: string): Promise<string[]> {
  const client = s3Client(drill, region);
  try {
    return (await s3Keys(client, bucket, prefix)).sort();
  } finally {
    client.destroy();
  }
}

/** The official S3 client, with the rehearsal's credentials. */
function s3Client(drill: Drill, region: string): S3Client {
  const { s3Endpoint: endpoint, awsCredentials: credentials } = drill.rehearsal;
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true });
}
