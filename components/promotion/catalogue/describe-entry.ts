import { filesPrefix, imageName } from "../../../redirector/object-paths.ts";
import type { Published } from "../../catalogue/entry.ts";
import type { ImageFacts, StagingLocation, WithdrawnItem } from "../../catalogue/formats.ts";
import { parseFileLines } from "../files/plan.ts";
import { causeOf } from "../http/errors.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { readImageLines } from "../images/lines.ts";
import type { Remote } from "../oci/remote.ts";
import { repositoryAt } from "../oci/repository.ts";
import { listTags, type TagList } from "../oci/tags.ts";
import type { Transport } from "../oci/transport.ts";
import type { Progress } from "../run/request.ts";
import type { Bucket } from "../storage/bucket.ts";
import { ofOneWord } from "../text/one-word.ts";
import { splitLines } from "../text/split-lines.ts";
import { type AttachedContent, readAttached } from "./attached-content.ts";
import type { CachedEntry } from "./cached-entry.ts";
import { describeImage } from "./describe-image.ts";
import { proofSigner } from "./proof-signer.ts";
import type { EntryRequest } from "./request.ts";
import { isUnder, policyOf, verifyUnder } from "./verify-entry.ts";

/** What {@link describeEntry} needs. */
export interface DescribeDependencies {
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** The canonical file mirror. */
  readonly bucket: Bucket;
  /** Bytes of OCI manifests of attachments that are being verified. */
  readonly attachmentMemory: WeightedSemaphore;
  /** Digests to describe again, though they are cached: something was attached to them since. */
  readonly anew: ReadonlySet<string>;
  /** Runs the work on one digest, within the limit of concurrent digests. */
  limit<T>(work: () => Promise<T>): Promise<T>;
  report(progress: Progress): void;
}

/** A project, ready to be written to the catalogue. */
export interface DescribedEntry {
  readonly published: Published;
  /** How many digests and files were not cached and were described now. */
  readonly described: number;
  /** What could not be described, one line each. It is left out of `published`. */
  readonly failures: readonly string[];
}

/** Describes what a project has in production and is not cached: images from the registry, files from their bucket. */
export async function describeEntry(
  request: EntryRequest,
  cached: CachedEntry,
  dependencies: DescribeDependencies,
): Promise<DescribedEntry> {
  const images = await describeImages(request, cached, dependencies);
  const files = await describeFiles(request, cached, dependencies);
  const proof = await describeProof(request, dependencies);
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
      digestKeys: images.digestKeys,
      heldBy: request.heldBy ?? [],
      filling: request.filling ?? [],
      files: files.files,
      withdrawn: withdrawnItems(request),
      staging: stagingLocationOf(request),
      proof: proof.signer,
    },
    described: images.described + files.described,
    failures: [...images.failures, ...files.failures, ...proof.failures],
  };
}

async function describeProof({ project, signing }: EntryRequest, { signal }: DescribeDependencies) {
  if (signing === undefined) return { signer: undefined, failures: [] };
  try {
    return { signer: await proofSigner(signing), failures: [] };
  } catch (error) {
    signal.throwIfAborted();
    return { signer: undefined, failures: [`project ${project}, who signs its proofs: ${causeOf(error)}`] };
  }
}

function withdrawnItems(request: EntryRequest): WithdrawnItem[] {
  const { imagePrefix, filePrefix, withdrawnImages = "", withdrawnFiles = "" } = request;
  const items = (text: string, place: (name: string) => string) =>
    splitLines(text).map((line) => {
      const space = line.indexOf(" ");
      return { name: place(ofOneWord(line.slice(0, space))), reason: line.slice(space + 1) };
    });
  return [
    ...items(withdrawnImages, (name) => imageName(imagePrefix, name)),
    ...items(withdrawnFiles, (path) => `${filesPrefix(filePrefix)}${path}`),
  ];
}

function stagingLocationOf({ stagingRepository, stagingBucket, source }: EntryRequest): StagingLocation | undefined {
  if (source === undefined || !(stagingRepository || stagingBucket)) return undefined;
  return {
    ...(stagingRepository && { images: stagingRepository }),
    ...(stagingBucket && { files: stagingBucket }),
    source,
  };
}

async function describeImages(request: EntryRequest, cached: CachedEntry, dependencies: DescribeDependencies) {
  const { transport, signal, anew } = dependencies;
  const facts = new Map<string, ImageFacts>();
  const digestKeys: Record<string, Record<string, string>> = {};
  const failures: string[] = [];
  const missing: { image: string; name: string; digests: string[] }[] = [];
  const policy = policyOf(request);
  for (const [image, digests] of readImageLines(request.images)) {
    const name = imageName(request.imagePrefix, image);
    const cachedKeys = Object.hasOwn(cached.digestKeys, name) ? cached.digestKeys[name]! : {};
    const own: Record<string, string> = {};
    digestKeys[name] = own;
    const notCached: string[] = [];
    for (const digest of digests.keys()) {
      const fact = cached.facts.get(digest);
      const isKnown = fact !== undefined && isUnder(fact, policy);
      const hasKeys = Object.hasOwn(cachedKeys, digest) && !anew.has(digest);
      if (isKnown) facts.set(digest, fact);
      if (hasKeys) own[digest] = cachedKeys[digest]!;
      if (!isKnown || !hasKeys) notCached.push(digest);
    }
    if (notCached.length > 0) missing.push({ image, name, digests: notCached });
  }
  const total = missing.reduce((sum, { digests }) => sum + digests.length, 0);
  let done = 0;
  const work = missing.map(async ({ image, name, digests }) => {
    const at: Remote = { transport, repository: repositoryAt(request.registry, name), signal };
    // One list of tags for all digests of the image, so that no request looks for signatures that do not exist.
    const tags = await dependencies.limit(() => listTags(at)).catch((error: unknown) => failed(error, image));
    if (tags === undefined) return;
    await Promise.all(digests.map((digest) => dependencies.limit(() => describe(at, image, name, digest, tags))));
  });
  await Promise.all(work);
  return { facts, digestKeys, described: total, failures };

  async function describe(at: Remote, image: string, name: string, digest: string, tags: TagList): Promise<void> {
    const own = digestKeys[name]!;
    try {
      const memory = dependencies.attachmentMemory;
      const verify = policy && ((attached: AttachedContent) => verifyUnder(policy, digest, at, attached, memory));
      const known = Object.hasOwn(own, digest) ? cached.facts.get(digest) : undefined;
      const described = known ? undefined : await describeImage(at, name, digest, tags, memory, verify);
      if (described) own[digest] = described.keys;
      // What another policy said does not hold under this one, whether or not the digest can be verified now.
      const { verification: _, ...unverified } = known ?? described!.facts;
      facts.set(digest, unverified);
      if (verify !== undefined) {
        const verifying = described?.verification ?? verify(await readAttached(at, [digest], tags, memory));
        facts.set(digest, { ...unverified, verification: await verifying });
      }
    } catch (error) {
      failed(error, `${image}@${digest}`);
    }
    done++;
    dependencies.report({ done, total, failed: failures.length, bytes: 0, mirrors: [] });
  }

  function failed(error: unknown, what: string): undefined {
    signal.throwIfAborted();
    failures.push(`project ${request.project}, image ${what}, ${request.registry}: ${causeOf(error)}`);
  }
}

async function describeFiles(request: EntryRequest, cached: CachedEntry, { bucket, signal }: DescribeDependencies) {
  const prefix = filesPrefix(request.filePrefix);
  const wanted = [...parseFileLines(request.files)].map(([path, sha256]) => ({
    path,
    sha256,
    bytes: cached.sizes.get(`${prefix}${path} ${sha256}`),
  }));
  const described = wanted.filter(({ bytes }) => bytes === undefined).length;
  const failures: string[] = [];
  const sizes = new Map<string, number>();
  if (described > 0) {
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
  return { files, described, failures };
}
