import { failureKind } from "../http/failure-kind.ts";
import { pause } from "../http/host.ts";
import { KeyedLock } from "../run/keyed-lock.ts";
import { printable } from "../text/printable.ts";
import { type Digest, digestOf, isDigest } from "./digest.ts";
import { RegistryError } from "./errors.ts";
import { largestManifest, type Manifest, ociIndex, referrerEntry } from "./manifest.ts";
import { deleteManifest, deleteTag, getManifest, headManifest, type ManifestHead, putManifest } from "./manifests.ts";
import { pages } from "./pages.ts";
import type { Remote } from "./remote.ts";

/** Hosts without the referrers API; each is asked once in a run. */
const without = new WeakMap<object, Set<string>>();

/**
 * The digests of the manifests attached to a digest, from the referrers API, else from the fallback tag
 * (distribution spec, "Listing Referrers", "Referrers Tag Schema").
 * @param tags all tags of the repository, if they are known: a fallback tag that is not among them is not asked for.
 */
export async function listReferrers(at: Remote, subject: Digest, tags?: ReadonlySet<string>): Promise<Digest[]> {
  const lacking = without.get(at.transport) ?? new Set();
  without.set(at.transport, lacking);
  const fallback = async () => {
    if (tags && !tags.has(fallbackTag(subject))) return [];
    return (await fallbackList(at, subject)).entries.map(({ digest }) => digest);
  };
  if (lacking.has(at.repository.host)) return fallback();
  const found = new Set<Digest>();
  const what = `list referrers of ${subject} in ${at.repository.name}`;
  const first = {
    url: `/v2/${at.repository.name}/referrers/${subject}`,
    what,
    headers: { accept: ociIndex },
    expect: [200, 404, 400, 405, 501], // all but the first: no such API
    limit: largestManifest,
  };
  for await (const { status, headers, body } of pages(at, first)) {
    const isIndex = status === 200 && (headers["content-type"] ?? "").startsWith(ociIndex);
    if (!isIndex) {
      lacking.add(at.repository.host);
      return fallback();
    }
    for (const { digest } of entries(body, at.repository.host, what)) found.add(digest);
  }
  return [...found];
}

/** The tag under which a registry without the referrers API keeps the list of what is attached to a digest. */
export function fallbackTag(subject: Digest): string {
  return subject.replace(":", "-");
}

/** Serializes writes within this process. Only other processes may write the same list at the same time. */
const locks = new KeyedLock();
/** Attempts to write a list that others write too. */
const mostWrites = 8;

/**
 * Adds attached manifests, which were just stored, to the list of their subject if the registry does not do that
 * itself (distribution spec, "Pushing Manifests with Subject"). Other clients may do the same at the same time: where
 * the registry has ETags, only an unchanged list is replaced, and with all registries the list is read again to check
 * that the entries are still there. All in one write: each list that is replaced is deleted, which not everybody may who may add.
 * @throws RegistryError if other clients keep changing the list, or if the fallback tag is on something that is not a list.
 */
export async function enterReferrers(at: Remote, subject: Digest, referrers: readonly Manifest[]): Promise<void> {
  const { host, name } = at.repository;
  const what = `list ${referrers.map(({ digest }) => digest).join(", ")} as referrers of ${subject} in ${name}`;
  await locks.with(`${host}/${name} ${subject}`, async () => {
    let ours: Digest | undefined;
    for (let writes = 0; ; writes++) {
      const list = await fallbackList(at, subject);
      if (!list.isList)
        throw new RegistryError(host, what, 200, "", `the tag ${fallbackTag(subject)} is on something else`);
      const listed = new Set(list.entries.map(({ digest }) => digest));
      const lacking = referrers.filter(({ digest }) => !listed.has(digest));
      if (lacking.length === 0) return;
      if (writes === mostWrites) throw new RegistryError(host, what, 412, "", "other clients keep changing the list");
      if (writes > 0) await pause(Math.random() * 100 * writes, at.signal);
      const written = await writeFallback(at, subject, list, lacking);
      if (ours !== undefined && ours !== written) await deleteManifest(at, ours); // another client replaced the list
      ours = written;
      if (ours !== undefined && (await headManifest(at, fallbackTag(subject)))?.digest === ours) return;
    }
  });
}

/**
 * Takes a manifest that is to be deleted from the list of its subject, where a client keeps that under the fallback tag. A registry with the referrers
 * API forgets it with the manifest.
 * @throws RegistryError if other clients keep changing the list.
 */
export async function dropReferrer(at: Remote, subject: Digest, referrer: Digest): Promise<void> {
  const { host, name } = at.repository;
  const what = `take ${referrer} from the referrers of ${subject} in ${name}`;
  await locks.with(`${host}/${name} ${subject}`, async () => {
    for (let writes = 0; ; writes++) {
      const list = await fallbackList(at, subject);
      const entries = list.entries.filter(({ digest }) => digest !== referrer);
      if (entries.length === list.entries.length) return;
      if (writes === mostWrites) throw new RegistryError(host, what, 412, "", "other clients keep changing the list");
      if (writes > 0) await pause(Math.random() * 100 * writes, at.signal);
      if (entries.length > 0) await writeFallback(at, subject, { ...list, entries });
      else {
        await deleteTag(at, fallbackTag(subject));
        await deleteManifest(at, list.head!.digest);
      }
    }
  });
}

interface Entry {
  readonly digest: Digest;
  readonly entry: Readonly<Record<string, unknown>>;
}

interface FallbackList {
  /** The state of the tag; undefined if there is none. */
  readonly head: ManifestHead | undefined;
  /** Whether the tag is on a list, or unused. */
  readonly isList: boolean;
  readonly entries: readonly Entry[];
}

async function fallbackList(at: Remote, subject: Digest): Promise<FallbackList> {
  const what = `read the list of referrers of ${subject}`;
  for (let tries = 0; ; tries++) {
    const head = await headManifest(at, fallbackTag(subject));
    const index = head && (await getManifest(at, head.digest));
    // A client that replaces a list deletes the old one.
    if (head && !index && tries < mostWrites) continue;
    if (index?.mediaType !== ociIndex) return { head, isList: index === undefined, entries: [] };
    return { head, isList: true, entries: entries(index.bytes, at.repository.host, what) };
  }
}

/** @returns the stored list; undefined if the registry refused because another client has changed it. */
async function writeFallback(
  at: Remote,
  subject: Digest,
  { head, entries: before }: FallbackList,
  referrers: readonly Manifest[] = [],
): Promise<Digest | undefined> {
  const manifests = [...before.map(({ entry }) => entry), ...referrers.map(referrerEntry)];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }));
  const index = { digest: digestOf(bytes), mediaType: ociIndex, bytes, children: [], blobs: [], foreign: [] };
  try {
    await putManifest(at, index, fallbackTag(subject), head?.etag);
  } catch (error) {
    if (error instanceof RegistryError && error.status === 412) return undefined;
    throw error;
  }
  if (head && head.digest !== index.digest) {
    try {
      await deleteManifest(at, head.digest);
    } catch (error) {
      // Who may add and not delete (a fill) leaves it: some hundred bytes that nothing leads to any more.
      if (failureKind(error) !== "denied") throw error;
    }
  }
  return index.digest;
}

function entries(body: Buffer, host: string, what: string): Entry[] {
  try {
    const json = JSON.parse(body.toString("utf8")) as { manifests?: unknown };
    if (!Array.isArray(json.manifests)) return [];
    return (json.manifests as unknown[]).flatMap((entry) => {
      const digest = (entry as { digest?: unknown } | null)?.digest;
      return typeof digest === "string" && isDigest(digest) ? [{ digest, entry: entry as Entry["entry"] }] : [];
    });
  } catch (error) {
    throw new RegistryError(host, what, 200, "", `unreadable: ${printable(String(error), 100)}`);
  }
}
