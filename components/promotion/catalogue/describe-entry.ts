import type { Published } from "../../catalogue/entry.ts";
import type { ImageFacts } from "../../catalogue/formats.ts";
import { filesPrefix } from "../../catalogue/layout.ts";
import { parseFileLines } from "../files/plan.ts";
import { causeOf } from "../http/errors.ts";
import { readImageLines } from "../images/lines.ts";
import type { Remote } from "../oci/remote.ts";
import { repositoryAt } from "../oci/repository.ts";
import { listTags, type TagList } from "../oci/tags.ts";
import type { Transport } from "../oci/transport.ts";
import type { Progress } from "../run/request.ts";
import type { Bucket } from "../storage/bucket.ts";
import type { CachedEntry } from "./cached-entry.ts";
import { describeImage } from "./describe-image.ts";
import type { EntryRequest } from "./request.ts";

/** What learning needs. */
export interface DescribeDependencies {
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** The canonical file mirror. */
  readonly bucket: Bucket;
  /** Runs work about one digest, so many at a time. */
  limit<T>(work: () => Promise<T>): Promise<T>;
  report(progress: Progress): void;
}

/** What was learned of a project. */
export interface DescribedEntry {
  readonly published: Published;
  /** How many digests and files were looked at: those that were not known. */
  readonly described: number;
  /** What could not be learned, one line each; it is left out. */
  readonly failures: readonly string[];
}

/** Learns what is not known yet of what a project has in production: of images from the registry, of files from their bucket. */
export async function describeEntry(
  request: EntryRequest,
  known: CachedEntry,
  means: DescribeDependencies,
): Promise<DescribedEntry> {
  const images = await describeImages(request, known, means);
  const files = await describeFiles(request, known, means);
  const { project: name, description, contact, imagePrefix, filePrefix } = request;
  return {
    published: {
      name,
      description,
      ...(contact !== "" && { contact }),
      imagePrefix,
      filePrefix,
      images: readImageLines(request.images),
      facts: images.facts,
      files: files.files,
    },
    described: images.looked + files.looked,
    failures: [...images.failures, ...files.failures],
  };
}

async function describeImages(request: EntryRequest, known: CachedEntry, means: DescribeDependencies) {
  const { transport, signal } = means;
  const facts = new Map<string, ImageFacts>();
  const failures: string[] = [];
  const unknown: { image: string; digests: string[] }[] = [];
  for (const [image, digests] of readImageLines(request.images)) {
    const missing = [...digests.keys()].filter((digest) => !known.facts.has(digest));
    if (missing.length > 0) unknown.push({ image, digests: missing });
    for (const digest of digests.keys()) {
      const fact = known.facts.get(digest);
      if (fact !== undefined) facts.set(digest, fact);
    }
  }
  const total = unknown.reduce((sum, { digests }) => sum + digests.length, 0);
  let done = 0;
  const work = unknown.map(async ({ image, digests }) => {
    const at: Remote = { transport, repository: repositoryAt(request.registry, request.imagePrefix, image), signal };
    // One list for all digests of the image: then nobody asks for signatures that are not there.
    const tags = await means.limit(() => listTags(at)).catch((error: unknown) => failed(error, image));
    if (tags === undefined) return;
    await Promise.all(digests.map((digest) => means.limit(() => learn(at, image, digest, tags))));
  });
  await Promise.all(work);
  return { facts, looked: total, failures };

  async function learn(at: Remote, image: string, digest: string, tags: TagList): Promise<void> {
    const fact = await describeImage(at, digest, tags).catch((error: unknown) => failed(error, `${image}@${digest}`));
    if (fact !== undefined) facts.set(digest, fact);
    done++;
    means.report({ done, total, failed: failures.length, bytes: 0, mirrors: [] });
  }

  function failed(error: unknown, what: string): undefined {
    signal.throwIfAborted();
    failures.push(`project ${request.project}, image ${what}, ${request.registry}: ${causeOf(error)}`);
  }
}

async function describeFiles(request: EntryRequest, known: CachedEntry, { bucket, signal }: DescribeDependencies) {
  const prefix = filesPrefix(request.filePrefix);
  const wanted = [...parseFileLines(request.files)].map(([path, sha256]) => ({
    path,
    sha256,
    bytes: known.sizes.get(`${prefix}${path} ${sha256}`),
  }));
  const looked = wanted.filter(({ bytes }) => bytes === undefined).length;
  const failures: string[] = [];
  const sizes = new Map<string, number>();
  if (looked > 0) {
    try {
      for await (const { key, size } of bucket.list(prefix, signal)) sizes.set(key.slice(prefix.length), size);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`project ${request.project}, files, ${bucket.url}: ${causeOf(error)}`);
    }
  }
  const files = wanted.flatMap(({ path, sha256, bytes }) => {
    const size = bytes ?? sizes.get(path);
    if (size !== undefined) return [{ path, sha256, bytes: size }];
    failures.push(`project ${request.project}, file ${path} is not in ${bucket.url}`);
    return [];
  });
  return { files, looked, failures };
}
