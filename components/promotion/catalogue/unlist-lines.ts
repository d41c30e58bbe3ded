import { filesPrefix, imageName } from "../../../redirector/object-paths.ts";
import { presenceIndexKey, readPresenceIndex } from "../../../redirector/presence-format.ts";
import { composeEntry, type ProjectEntry } from "../../catalogue/entry.ts";
import type { ImageDetails, ReleaseDetails } from "../../catalogue/formats.ts";
import { indexEntryOf } from "../../catalogue/index-document.ts";
import { projectKey } from "../../catalogue/layout.ts";
import { compareTagged } from "../../catalogue/version-order.ts";
import { parseFileLines } from "../files/plan.ts";
import { readImageLines } from "../images/lines.ts";
import { readDigestKeys } from "./cached-entry.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { readDetails } from "./entry-details.ts";
import type { UnlistRequest } from "./request.ts";
import { documentsOf, readStoredProject } from "./stored-project.ts";

/** An entry without what is unlisted, and the keys of the documents that it had before. */
export interface UnlistedEntry {
  readonly entry: ProjectEntry;
  readonly old: ReadonlySet<string>;
  /** Whether anything is unlisted. */
  readonly changed: boolean;
}

type Holders = ReturnType<typeof readPresenceIndex>["projects"][string];

/**
 * A project's entry in one mirror, without what its manifest does not list any more. Adds nothing and sends no request to a registry.
 * @returns undefined if the mirror does not list the project.
 * @throws if a document that the entry refers to is missing. The next run writes it again.
 */
export async function unlistLines(mirror: CatalogueMirror, request: UnlistRequest): Promise<UnlistedEntry | undefined> {
  const { project: name, kind, lines, prefix, notIn = [] } = request;
  const stored = await readStoredProject(mirror, name);
  const listed = indexEntryOf(await mirror.index(), name);
  if (stored === undefined || listed === undefined) return undefined;
  const { document } = stored;
  const [holders, digestKeys, { images, releases }] = await Promise.all([
    notIn.length === 0 ? undefined : readHolders(mirror, name),
    readDigestKeys(mirror, document),
    readDetails(mirror, stored),
  ]);
  const isKept = (holder: string): boolean => !notIn.includes(holder);
  const [heldBy, filling] = [holders?.mirrors.filter(isKept), holders?.filling?.filter(isKept)];
  const {
    schemaVersion: _,
    images: _images,
    releases: _releases,
    moreReleases: _moreReleases,
    presence: _presence,
    morePresence: _more,
    ...about
  } = document;
  const entry = composeEntry(
    about,
    kind === "images" ? stillWanted(images, lines, prefix) : images,
    kind === "files" ? stillHeld(releases, lines, prefix) : releases,
    listed.files?.prefix ?? filesPrefix(prefix),
    { digestKeys, heldBy, ...(filling && { filling }) },
  );
  const old = new Set([projectKey(name), ...documentsOf(document)]);
  // Details are named by the digest of their content: equal names mean an equal entry.
  const isLeft = [...(holders?.mirrors ?? []), ...(holders?.filling ?? [])].some((holder) => !isKept(holder));
  const changed = isLeft || entry.documents.size !== old.size || [...old].some((one) => !entry.documents.has(one));
  return { entry, old, changed };
}

/** The mirrors that hold all or a part of the project, by the presence index of one of them; undefined if it has none. */
async function readHolders(mirror: CatalogueMirror, project: string): Promise<Holders | undefined> {
  const index = await mirror.read(presenceIndexKey);
  return index && readPresenceIndex(index.toString("utf8")).projects[project];
}

/** Keeps the digests that the manifest has, each with the tags that still name it. */
function stillWanted(images: readonly ImageDetails[], lines: string, prefix: string): ImageDetails[] {
  const wanted = new Map([...readImageLines(lines)].map(([image, digests]) => [imageName(prefix, image), digests]));
  return images.map((image) => {
    const digests = wanted.get(image.repository);
    const versions = image.versions.flatMap((version) => {
      const tags = digests?.get(version.digest);
      return tags === undefined ? [] : [{ ...version, tags: version.tags.filter((tag) => tags.has(tag)) }];
    });
    versions.sort((a, b) => compareTagged(a.tags, b.tags) || (a.digest < b.digest ? -1 : 1));
    return { ...image, versions };
  });
}

function stillHeld(releases: readonly ReleaseDetails[], lines: string, prefix: string): ReleaseDetails[] {
  const wanted = parseFileLines(lines);
  const above = filesPrefix(prefix).length;
  return releases.map((release) => ({
    ...release,
    files: release.files.filter(({ path, sha256 }) => wanted.get(path.slice(above)) === sha256),
  }));
}
