/** The contents of published files where they are served: a bucket of GCS or S3, or an HTTP server, through its redirects. */
import { createHash } from "node:crypto";
import { fetch, interceptors } from "undici";
import { fileKey, objectPath } from "../../redirector/object-paths.ts";
import type { Project } from "../manifests/project.ts";
import { makeDispatcher } from "../promotion/http/dispatcher.ts";
import { proxySettings } from "../promotion/http/proxy.ts";
import { type Bucket, type BucketAddress, bucketUrl } from "../promotion/storage/bucket.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { UsageError } from "./command.ts";
import type { Compared, LookUp } from "./compare-locations.ts";

/** Where files are served. */
export type FileLocation =
  | { readonly kind: "bucket"; readonly address: BucketAddress }
  | { readonly kind: "http"; readonly base: string };

/** Endpoints of the stores, instead of the clouds' own. */
export interface FileEndpoints {
  readonly gcsEndpoint?: string | undefined;
  readonly awsEndpoint?: string | undefined;
}

/**
 * What a person names as a place of files: `gs://BUCKET`, `s3://BUCKET` or `s3://BUCKET@REGION`, `https://HOST[/PATH]`; `binaries/` follows.
 * @throws UsageError for anything else.
 */
export function fileLocationOf(text: string): FileLocation {
  const bucket = /^(gs|s3):\/\/([a-z0-9][a-z0-9._-]*)(?:@([a-z0-9-]+))?\/?$/.exec(text);
  if (bucket !== null) {
    const [, scheme, name = "", region] = bucket;
    if (scheme === "s3" || region === undefined)
      return {
        kind: "bucket",
        address: { kind: scheme === "gs" ? "gcs" : "s3", bucket: name, ...(region && { region }) },
      };
  }
  if (/^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text)) return { kind: "http", base: text.replace(/\/+$/, "") };
  throw new UsageError(
    `${escapeUnprintable(text)} is no place of files: give gs://BUCKET, s3://BUCKET@REGION or https://HOST, below which binaries/ lies`,
  );
}

/** Every file that clients may download, by its key in the mirrors. */
export function filesOf(projects: readonly Project[]): Compared[] {
  return projects.flatMap(({ files, filePrefix }) =>
    files.map(({ name, sha256 }) => ({ name: fileKey(filePrefix, name), digest: `sha256:${sha256}` })),
  );
}

/** Looks files up in one place. */
export interface FileReader {
  readonly lookUp: LookUp<Compared>;
  close(): Promise<void>;
}

/**
 * Opens a place. A file's SHA-256 is the one that the store proves, else that of its content, which is then read whole; over HTTP always.
 * A bucket needs its cloud's credentials, HTTP none; proxies of the environment are used.
 */
export function openFileLocation(place: FileLocation, endpoints: FileEndpoints, signal: AbortSignal): FileReader {
  return place.kind === "http" ? openHttp(place.base, signal) : openBucket(place.address, endpoints, signal);
}

function openBucket(address: BucketAddress, endpoints: FileEndpoints, signal: AbortSignal): FileReader {
  const storage = openStorage({
    ...(endpoints.gcsEndpoint !== undefined && { gcsEndpoint: endpoints.gcsEndpoint }),
    ...(endpoints.awsEndpoint !== undefined && { s3Endpoint: endpoints.awsEndpoint, s3UsePathStyle: true }),
  });
  const bucket = storage.open(address);
  return {
    lookUp: ({ name }) => digestIn(bucket, name, bucketUrl(address), signal),
    close: () => storage.close(),
  };
}

async function digestIn(bucket: Bucket, key: string, url: string, signal: AbortSignal): Promise<string | undefined> {
  const stored = await bucket.stat(key, signal);
  if (stored === undefined) return undefined;
  if (stored.encoding !== undefined && stored.encoding !== "identity")
    throw new Error(`${url}/${key} is stored with Content-Encoding ${escapeUnprintable(stored.encoding)}`);
  return stored.sha256 === undefined ? await digestOf(await bucket.read(stored, 0, signal)) : `sha256:${stored.sha256}`;
}

function openHttp(base: string, signal: AbortSignal): FileReader {
  const dispatcher = makeDispatcher({ connectTimeout: 10_000 }, proxySettings(process.env)).compose(
    interceptors.retry({ maxRetries: 4, maxTimeout: 10_000 }),
  );
  return {
    async lookUp({ name }) {
      const url = `${base}${objectPath(name)}`;
      const response = await fetch(url, { dispatcher, signal, headers: { "accept-encoding": "identity" } });
      if (response.status === 404 || response.status === 410) {
        await response.body?.cancel();
        return undefined;
      }
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw new Error(`${url}: HTTP ${response.status}`);
      }
      return await digestOf(response.body);
    },
    close: () => dispatcher.close(),
  };
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of content) hash.update(bytes);
  return `sha256:${hash.digest("hex")}`;
}
