/**
 * A process that answers as GCS (JSON API) and S3 do, a round trip late: buckets of files made up by a rule, and of what is written to them.
 * For sizes and distances at which no emulated store can be filled; what real servers do is tested in test/contract.
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32c, encodeCrc32c } from "../../components/promotion/storage/crc32c.ts";

/** What the process holds at first. */
export interface Holdings {
  /** ms by which each response is late. */
  readonly roundTrip: number;
  /** The generated files by bucket: the first `count`, below a prefix of keys. */
  readonly buckets: Readonly<Record<string, { readonly prefix: string; readonly count: number }>>;
}

/** A process that runs. */
export interface GeneratedStore {
  readonly url: string;
  /** Requests so far, by kind. */
  requests(): Promise<Readonly<Record<string, number>>>;
  stop(): void;
}

/** One generated file in four was sent to S3 in parts, as large ones are: of the binaries of k8s.io about as many have more than 8 MiB. */
const inParts = 4;

/** The generated file of a number: its path and its content, a few bytes. */
export function generatedFile(index: number): { readonly path: string; readonly bytes: Buffer } {
  const version = String(Math.floor(index / 100)).padStart(5, "0");
  const name = String(index % 100).padStart(2, "0");
  return { path: `v1.${version}/bin/linux/amd64/program-${name}.tar.gz`, bytes: Buffer.from(`content ${index}\n`) };
}

/** The lines of the first files, as a request of promotion has them. */
export function generatedLines(count: number): string {
  return Array.from({ length: count }, (_, index) => {
    const { path, bytes } = generatedFile(index);
    return `${path} sha256:${createHash("sha256").update(bytes).digest("hex")}\n`;
  }).join("");
}

/** Starts a process. */
export async function startGeneratedStore(holdings: Holdings): Promise<GeneratedStore> {
  const child = fork(import.meta.filename, ["store"]);
  child.send(holdings);
  const [url] = (await once(child, "message")) as [string];
  return {
    url,
    requests: async () => {
      child.send("requests");
      return ((await once(child, "message")) as [Record<string, number>])[0];
    },
    stop: () => void child.kill(),
  };
}

/** An object as both interfaces describe it. */
interface Entry {
  readonly key: string;
  readonly bytes: Buffer;
  readonly crc32c: string;
  readonly md5: Buffer;
  /** In S3, without quotes. */
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

function entryOf(key: string, bytes: Buffer, metadata?: Readonly<Record<string, string>>): Entry {
  const crc = encodeCrc32c(crc32c(bytes));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const md5 = createHash("md5").update(bytes).digest();
  return {
    key,
    bytes,
    crc32c: crc,
    md5,
    etag: md5.toString("hex"),
    metadata: metadata ?? { "artifacts-sha256": sha256, "artifacts-crc32c": crc, "artifacts-project": "scale" },
  };
}

/** With what a promotion records of a file that it sends to S3 in parts. */
function generatedEntry(index: number, path: string, bytes: Buffer): Entry {
  const entry = entryOf(path, bytes);
  if (index % inParts > 0) return entry;
  const etag = `${createHash("md5").update(entry.md5).digest("hex")}-3`;
  return { ...entry, etag, metadata: { ...entry.metadata, "artifacts-s3-etag": etag } };
}

class Store {
  readonly asked = new Map<string, number>();
  readonly #roundTrip: number;
  readonly #buckets: Holdings["buckets"];
  readonly #written = new Map<string, Map<string, Entry>>();
  readonly #generated: Entry[] = [];
  readonly #pages = new Map<string, string>();

  constructor({ roundTrip, buckets }: Holdings) {
    this.#roundTrip = roundTrip;
    this.#buckets = buckets;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://store");
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const body = Buffer.concat(parts);
    await sleep(this.#roundTrip);
    const gcs = /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/.exec(url.pathname);
    if (gcs) return this.#gcs(gcs[2]!, gcs[3] && decodeURIComponent(gcs[3]), url, request, body, response);
    const [, bucket = "", key = ""] = /^\/([^/]+)\/?(.*)$/.exec(url.pathname) ?? [];
    this.#s3(bucket, decodeURIComponent(key), url, request, body, response);
  }

  #gcs(
    bucket: string,
    key: string | undefined,
    url: URL,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const send = (status: number, value: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const rewrite = /^(.+)\/rewriteTo\/b\/([^/]+)\/o\/(.+)$/.exec(key ?? "");
    if (request.method === "POST" && rewrite) {
      this.#count("gcs rewrite");
      const [, from = "", target = "", to = ""] = rewrite;
      const source = this.#find(bucket, from);
      if (source === undefined || this.#find(target, to)) {
        send(source === undefined ? 404 : 412, {});
        return;
      }
      const { metadata } = JSON.parse(body.toString("utf8")) as Pick<Entry, "metadata">;
      const copy = { ...source, key: to, metadata };
      this.#write(target, copy);
      send(200, { done: true, resource: resourceOf(copy) });
      return;
    }
    if (request.method === "POST") {
      this.#count("gcs upload");
      const [, boundary = ""] = /boundary=(.+)$/.exec(request.headers["content-type"] ?? "") ?? [];
      const [, resource = "", content = ""] = body.toString("latin1").split(`--${boundary}`);
      const { name, metadata } = JSON.parse(after(resource)) as { name: string; metadata: Record<string, string> };
      if (this.#find(bucket, name)) {
        send(412, {});
        return;
      }
      const entry = entryOf(name, Buffer.from(after(content).slice(0, -2), "latin1"), metadata);
      this.#write(bucket, entry);
      send(200, resourceOf(entry));
      return;
    }
    if (key === undefined) {
      this.#count("gcs list");
      const { prefix, token } = {
        prefix: url.searchParams.get("prefix") ?? "",
        token: url.searchParams.get("pageToken"),
      };
      const text = this.#text("gcs", bucket, prefix, token, () => {
        const { entries, next } = this.#page(bucket, prefix, token);
        return JSON.stringify({ items: entries.map(resourceOf), ...(next && { nextPageToken: next }) });
      });
      response.writeHead(200, { "content-type": "application/json" }).end(text);
      return;
    }
    const found = this.#find(bucket, key);
    const isMedia = url.searchParams.get("alt") === "media";
    this.#count(isMedia ? "gcs read" : "gcs stat");
    if (found === undefined) send(404, {});
    else if (isMedia) response.end(found.bytes);
    else send(200, resourceOf(found));
  }

  #s3(bucket: string, key: string, url: URL, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    if (url.searchParams.get("list-type") === "2") {
      this.#count("s3 list");
      const { prefix, token } = {
        prefix: url.searchParams.get("prefix") ?? "",
        token: url.searchParams.get("continuation-token"),
      };
      const text = this.#text("s3", bucket, prefix, token, () => {
        const { entries, next } = this.#page(bucket, prefix, token);
        const contents = entries.map(
          (entry) =>
            `<Contents><Key>${entry.key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${entry.etag}&quot;</ETag><ChecksumAlgorithm>SHA256</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>${entry.bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
        );
        const more = next
          ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>`
          : "";
        return `<?xml version="1.0"?><ListBucketResult>${more}${contents.join("")}</ListBucketResult>`;
      });
      response.writeHead(200, { "content-type": "application/xml" }).end(text);
      return;
    }
    if (request.method === "PUT") {
      this.#count("s3 upload");
      if (this.#find(bucket, key)) return void response.writeHead(412).end();
      const metadata = Object.entries(request.headers).flatMap(([name, value]) =>
        name.startsWith("x-amz-meta-") ? [[name.slice("x-amz-meta-".length), String(value)]] : [],
      );
      const entry = entryOf(key, body, Object.fromEntries(metadata) as Record<string, string>);
      this.#write(bucket, entry);
      return void response.writeHead(200, { etag: `"${entry.etag}"` }).end();
    }
    this.#count("s3 head");
    const found = this.#find(bucket, key);
    if (found === undefined) return void response.writeHead(404).end();
    const noted = Object.entries(found.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
    const sha256 = createHash("sha256").update(found.bytes).digest("base64");
    response.writeHead(200, {
      "content-length": String(found.bytes.length),
      etag: `"${found.etag}"`,
      "x-amz-checksum-sha256": sha256,
      "x-amz-checksum-type": "FULL_OBJECT",
      ...Object.fromEntries(noted),
    });
    response.end();
  }

  /** A page's text. Generated files are the same in all mirrors: their pages are made once. */
  #text(store: "gcs" | "s3", bucket: string, under: string, token: string | null, make: () => string): string {
    const { prefix, count } = this.#buckets[bucket] ?? { prefix: "", count: 0 };
    if (count === 0) return make();
    const name = [store, prefix, count, under, token].join(" ");
    const text = this.#pages.get(name) ?? make();
    this.#pages.set(name, text);
    return text;
  }

  #count(what: string): void {
    this.asked.set(what, (this.asked.get(what) ?? 0) + 1);
  }

  #write(bucket: string, entry: Entry): void {
    const entries = this.#written.get(bucket) ?? new Map<string, Entry>();
    this.#written.set(bucket, entries);
    entries.set(entry.key, entry);
  }

  #find(bucket: string, key: string): Entry | undefined {
    const written = this.#written.get(bucket)?.get(key);
    if (written) return written;
    const { prefix, count } = this.#buckets[bucket] ?? { prefix: "", count: 0 };
    const [, version, name] =
      /^v1\.(\d{5})\/bin\/linux\/amd64\/program-(\d\d)\.tar\.gz$/.exec(key.slice(prefix.length)) ?? [];
    const index = Number(version) * 100 + Number(name);
    return index < count && key.startsWith(prefix) ? this.#at(prefix, index) : undefined;
  }

  #at(prefix: string, index: number): Entry {
    const { path, bytes } = generatedFile(index);
    const known = this.#generated[index] ?? generatedEntry(index, path, bytes);
    this.#generated[index] = known;
    return { ...known, key: `${prefix}${path}`, ...(prefix === "" && { metadata: {} }) };
  }

  /** A page of 1,000 of the generated files, which are never listed together with written ones. */
  #page(bucket: string, under: string, token: string | null): { entries: Entry[]; next: string | undefined } {
    const { prefix, count } = this.#buckets[bucket] ?? { prefix: "", count: 0 };
    const written = [...(this.#written.get(bucket)?.values() ?? [])].filter(({ key }) => key.startsWith(under));
    if (count === 0) return { entries: written.sort((one, other) => (one.key < other.key ? -1 : 1)), next: undefined };
    const entries: Entry[] = [];
    let index = Number(token ?? 0);
    for (; index < count && entries.length < 1_000; index++) {
      const entry = this.#at(prefix, index);
      if (entry.key.startsWith(under)) entries.push(entry);
    }
    return { entries, next: index < count ? String(index) : undefined };
  }
}

/** What follows the head of a part. */
function after(part: string): string {
  return part.slice(part.indexOf("\r\n\r\n") + 4);
}

function resourceOf({ key, bytes, crc32c: crc, md5, metadata }: Entry): object {
  return {
    name: key,
    size: String(bytes.length),
    generation: "1",
    crc32c: crc,
    md5Hash: md5.toString("base64"),
    metadata,
  };
}

if (process.argv[2] === "store" && process.send !== undefined) {
  const [holdings] = (await once(process, "message")) as [Holdings];
  const store = new Store(holdings);
  const server = createServer(
    (request, response) => void store.answer(request, response).catch(() => response.destroy()),
  );
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  process.on("message", () => process.send!(Object.fromEntries(store.asked)));
}
