import { createHash } from "node:crypto";
import {
  keyOfFile,
  keyOfRepository,
  keyOfTag,
  type PresenceDocument,
  type PresenceIndex,
  presenceDocumentKey,
  presenceVersion,
  writeKeys,
} from "../../redirector/presence-format.ts";
import type { ImageDetails, ReleaseDetails } from "./formats.ts";
import { writeDocument } from "./layout.ts";

/** Of each repository and each of its digests: the keys of all that it consists of and of what is attached to it, as a document has them. */
export type DigestKeys = PresenceDocument["images"];

/** A project's presence document, ready to be written. */
export interface ProjectPresence {
  /** Where it is written. */
  readonly key: string;
  /** SHA-256 of its text, in hexadecimal digits. */
  readonly sha256: string;
  readonly text: string;
}

/** The index of an empty catalogue. */
export const emptyPresence: PresenceIndex = { schemaVersion: presenceVersion, projects: {} };

/** Composes a project's presence document. Of a digest without keys only its tags are in it. The same input gives the same bytes. */
export function projectPresence(
  project: string,
  images: readonly Pick<ImageDetails, "repository" | "versions">[],
  releases: readonly Pick<ReleaseDetails, "files">[],
  known: DigestKeys,
): ProjectPresence {
  const tags = images.flatMap(({ repository, versions }) =>
    versions.flatMap((version) => version.tags.map((tag) => keyOfTag(repository, tag))),
  );
  const repositories = images.map(({ repository }) => keyOfRepository(repository));
  const files = releases.flatMap((release) => release.files.map(({ path }) => keyOfFile(path)));
  const own = (object: object, name: string): boolean => Object.hasOwn(object, name);
  const ofImages = images.map(({ repository, versions }): [string, Record<string, string>] => {
    const digests = own(known, repository) ? known[repository]! : {};
    const kept = versions.flatMap(({ digest }) => (own(digests, digest) ? [[digest, digests[digest]!] as const] : []));
    return [repository, Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)))];
  });
  const document: PresenceDocument = {
    schemaVersion: presenceVersion,
    project,
    keys: writeKeys([...repositories, ...tags, ...files]),
    images: Object.fromEntries(ofImages.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  const text = writeDocument(document);
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { key: presenceDocumentKey(sha256), sha256, text };
}

/**
 * Replaces one project in the index; removes it if `presence` is undefined. Projects are sorted by name.
 * @param held names of the mirrors that hold all of it, and of those that hold a part; undefined: as before, or none.
 */
export function replacePresence(
  index: PresenceIndex,
  project: string,
  presence: Pick<ProjectPresence, "sha256"> | undefined,
  held: { readonly mirrors: readonly string[]; readonly filling?: readonly string[] | undefined } | undefined,
): PresenceIndex {
  const projects = new Map(Object.entries(index.projects));
  const before = projects.get(project);
  const { mirrors } = held ?? before ?? { mirrors: [] };
  const filling = held?.filling ?? before?.filling ?? [];
  projects.delete(project);
  if (presence !== undefined && mirrors.length > 0)
    projects.set(project, {
      document: presence.sha256,
      mirrors: [...mirrors],
      ...(filling.length > 0 && { filling: [...filling] }),
    });
  return { ...index, projects: Object.fromEntries([...projects].sort(([a], [b]) => (a < b ? -1 : 1))) };
}
