import { type Digest, digestOf, isDigest } from "./digest.ts";
import { printable, RegistryError } from "./errors.ts";
import { largestManifest, type Manifest, ociIndex, referrerEntry } from "./manifest.ts";
import { deleteManifest, getManifest, headManifest, putManifest } from "./manifests.ts";
import type { Remote } from "./remote.ts";

/** Hosts that have answered without the referrers API; asked once in a run. */
const without = new WeakMap<object, Set<string>>();

/**
 * The digests of the manifests attached to a digest, from the referrers API, else from the fallback tag
 * (distribution spec, "Listing Referrers", "Referrers Tag Schema").
 * @param tags all tags of the repository, if they are known: a fallback tag that is not among them is not asked for.
 */
export async function listReferrers(at: Remote, subject: Digest, tags?: ReadonlySet<string>): Promise<Digest[]> {
  const { transport, ...rest } = at;
  const lacking = without.get(transport) ?? new Set();
  without.set(transport, lacking);
  const fallback = async () => {
    if (tags && !tags.has(fallbackTag(subject))) return [];
    return (await fallbackList(at, subject)).map(({ digest }) => digest);
  };
  if (lacking.has(at.repository.host)) return fallback();
  const found = new Set<Digest>();
  const seen = new Set<string>();
  let url: string | URL = `/v2/${at.repository.name}/referrers/${subject}`;
  for (;;) {
    const what = `list referrers of ${subject} in ${at.repository.name}`;
    const answer = await transport.call({
      ...rest,
      url,
      what,
      method: "GET",
      headers: { accept: ociIndex },
      expect: [200, 404, 400, 405, 501], // all but the first: no such API
      limit: largestManifest,
    });
    const isIndex = answer.status === 200 && (answer.headers["content-type"] ?? "").startsWith(ociIndex);
    if (!isIndex) {
      lacking.add(at.repository.host);
      return fallback();
    }
    for (const { digest } of entries(answer.body, at.repository.host, what)) found.add(digest);
    const link = answer.headers["link"];
    const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(typeof link === "string" ? link : "")?.[1];
    const next = target !== undefined && URL.canParse(target, answer.url) ? new URL(target, answer.url) : undefined;
    if (!next || next.origin !== at.repository.origin || seen.has(next.href)) return [...found];
    seen.add(next.href);
    url = next;
  }
}

/** The tag under which a registry without the referrers API keeps the list of what is attached to a digest. */
export function fallbackTag(subject: Digest): string {
  return subject.replace(":", "-");
}

/**
 * Enters an attached manifest, just stored, in the list of its subject where the registry does not do so itself.
 * Not safe against another client doing the same to the same subject at the same moment; the spec has no means for that.
 */
export async function enterReferrer(at: Remote, subject: Digest, referrer: Manifest): Promise<void> {
  const list = await fallbackList(at, subject);
  if (list.some(({ digest }) => digest === referrer.digest)) return;
  await writeFallback(at, subject, [...list.map(({ entry }) => entry), referrerEntry(referrer)]);
}

interface Entry {
  readonly digest: Digest;
  readonly entry: Readonly<Record<string, unknown>>;
}

async function fallbackList(at: Remote, subject: Digest): Promise<Entry[]> {
  const head = await headManifest(at, fallbackTag(subject));
  const index = head && (await getManifest(at, head.digest));
  if (index?.mediaType !== ociIndex) return [];
  return entries(index.bytes, at.repository.host, `read the list of referrers of ${subject}`);
}

async function writeFallback(at: Remote, subject: Digest, manifests: readonly unknown[]): Promise<void> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }));
  const index = { digest: digestOf(bytes), mediaType: ociIndex, bytes, children: [], blobs: [] };
  const old = await headManifest(at, fallbackTag(subject));
  await putManifest(at, index, fallbackTag(subject));
  if (old && old.digest !== index.digest) await deleteManifest(at, old.digest);
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
