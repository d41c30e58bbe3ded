import { createHash } from "node:crypto";
import { filesPrefix, imageName } from "../../redirector/object-paths.ts";
import { presenceDocumentKey } from "../../redirector/presence-format.ts";
import type {
  ImageDetails,
  ImageFacts,
  ImageVersion,
  IndexEntry,
  ProjectDocument,
  ProofSigner,
  ReleaseDetails,
  ReleaseFile,
  StagingLocation,
  WithdrawnItem,
} from "./formats.ts";
import { formats, schemaVersion } from "./formats.ts";
import { detailsKey, projectKey, writeDocument } from "./layout.ts";
import { fileListingLine, imageListingLine } from "./listing.ts";
import { platformsLine } from "./platform-lines.ts";
import { type DigestKeys, type PresenceNames, projectPresence } from "./presence.ts";
import { divideReleases } from "./release-parts.ts";
import { compareNewestFirst, compareTagged, latestOf, sortTags } from "./version-order.ts";

/** What one project has in production. */
export interface Published {
  readonly name: string;
  readonly description: string;
  readonly contact?: string;
  /** Prefixes of its images and files; "" = the root. */
  readonly imagePrefix: string;
  readonly filePrefix: string;
  /** Image name -> digest -> tags. */
  readonly images: ReadonlyMap<string, ReadonlyMap<string, Iterable<string>>>;
  /** Facts by digest. A digest without facts is not listed. */
  readonly facts: ReadonlyMap<string, ImageFacts>;
  /** What redirectors need to know of the digests; absent: nothing. */
  readonly digestKeys?: DigestKeys;
  /** Names of the mirrors that hold all of it; absent: of none is known that it does. */
  readonly heldBy?: readonly string[];
  /** Names of the mirrors that hold a part of it; absent: none. */
  readonly filling?: readonly string[];
  /** Paths below the project's prefix. */
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
  /** What was removed on purpose, sorted. */
  readonly withdrawn?: readonly WithdrawnItem[];
  /** Where its people push. */
  readonly staging?: StagingLocation | undefined;
  /** Who signs proofs of what is promoted. */
  readonly proof?: ProofSigner | undefined;
}

/** A project's lines of the listing and of the platform lines. */
export interface EntryLines {
  readonly lines: string;
  readonly platforms: string;
}

/** One project's part of the catalogue. */
export interface ProjectEntry extends EntryLines {
  readonly name: string;
  /** Undefined if the project has nothing in production. */
  readonly index: IndexEntry | undefined;
  /** What redirectors know of the project; undefined if it has nothing in production. */
  readonly presence: PresenceNames | undefined;
  /** Names of the mirrors that hold all of it; undefined: those that the presence index has. */
  readonly heldBy: readonly string[] | undefined;
  /** Names of the mirrors that hold a part of it; undefined: those that the presence index has. */
  readonly filling: readonly string[] | undefined;
  /** The documents to write, by key: the details first, then the project's document, which refers to them. */
  readonly documents: ReadonlyMap<string, string>;
}

/** Composes one project's part of the catalogue. The same input gives the same bytes. */
export function projectEntry(published: Published): ProjectEntry {
  const { name, description, contact, withdrawn = [], staging, proof } = published;
  const about = {
    name,
    description,
    ...(contact !== undefined && { contact }),
    ...(withdrawn.length > 0 && { withdrawn }),
    ...(staging !== undefined && { staging }),
    ...(proof !== undefined && { proof }),
  };
  return composeEntry(about, imageDetails(published), releaseDetails(published), filesPrefix(published.filePrefix), {
    digestKeys: published.digestKeys ?? {},
    heldBy: published.heldBy ?? [],
    filling: published.filling ?? [],
  });
}

/**
 * Composes an entry from its details, whose lists are sorted. Leaves out empty ones.
 * @param prefix common prefix of the paths of all its files.
 */
export function composeEntry(
  about: Pick<ProjectDocument, "name" | "description" | "contact" | "withdrawn" | "staging" | "proof">,
  imagesInOrder: readonly ImageDetails[],
  releasesInOrder: readonly ReleaseDetails[],
  prefix: string,
  known: {
    readonly digestKeys: DigestKeys;
    readonly heldBy: readonly string[] | undefined;
    readonly filling?: readonly string[];
  },
): ProjectEntry {
  const { withdrawn, staging, proof, ...inIndex } = about;
  const { name } = about;
  const documents = new Map<string, string>();
  // The format puts members in one order, so that described and cached facts give the same bytes.
  const write = (kind: "image" | "release" | "releases", value: object): string => {
    const text = writeDocument(formats[kind].parse(value));
    const key = detailsKey(text);
    documents.set(key, text);
    return key;
  };
  const images = imagesInOrder
    .filter(({ versions }) => versions.length > 0)
    .map((details) => ({ ...summaryOf(details), details: write("image", details), versions: details.versions }));
  const releases = releasesInOrder
    .filter(({ files }) => files.length > 0)
    .map((details) => ({
      release: details.release,
      files: details.files.length,
      bytes: details.files.reduce((sum, file) => sum + file.bytes, 0),
      details: write("release", details),
      paths: details.files,
    }));
  if (images.length + releases.length + (withdrawn?.length ?? 0) === 0) return emptyEntry(name);

  const isInProduction = images.length + releases.length > 0;
  const ofReleases = releases.map(({ release, paths }) => ({ release, files: paths }));
  const [first = [], ...parts] = divideReleases(releases.map(({ paths: _, ...release }) => release));
  const more = parts.map((part) => write("releases", { schemaVersion, project: name, releases: part }));
  const presence = isInProduction ? projectPresence(name, images, ofReleases, known.digestKeys) : undefined;
  for (const [key, text] of presence?.documents ?? []) documents.set(key, text);
  const document: ProjectDocument = {
    schemaVersion,
    ...inIndex,
    images: images.map(({ versions: _, ...image }) => image),
    releases: first,
    ...(more.length > 0 && { moreReleases: more }),
    ...(presence && { presence: presenceDocumentKey(presence.sha256) }),
    ...(presence?.more && { morePresence: presence.more.map(presenceDocumentKey) }),
    ...(withdrawn !== undefined && { withdrawn }),
    ...(proof !== undefined && { proof }),
    ...(staging !== undefined && { staging }),
  };
  const text = writeDocument(document);
  documents.set(projectKey(name), text);
  return {
    name,
    index: {
      ...inIndex,
      document: projectKey(name),
      sha256: createHash("sha256").update(text).digest("hex"),
      images: document.images.map(({ details: _, ...image }) => image),
      ...(releases.length > 0 && { files: filesSummary(prefix, releases) }),
    },
    ...entryLines(name, images, ofReleases),
    presence,
    heldBy: known.heldBy,
    filling: known.filling,
    documents,
  };
}

/** A project's lines of the listing and of the platform lines, from its details in their order. */
export function entryLines(
  name: string,
  images: readonly Pick<ImageDetails, "repository" | "versions">[],
  releases: readonly Pick<ReleaseDetails, "files">[],
): EntryLines {
  return {
    lines: [
      ...images.flatMap(({ repository, versions }) =>
        versions.map(({ digest, tags }) => imageListingLine(name, repository, digest, tags)),
      ),
      ...releases.flatMap(({ files }) => files.map(({ path, sha256 }) => fileListingLine(name, path, sha256))),
    ].join(""),
    platforms: images
      .flatMap(({ repository, versions }) => versions.map((version) => platformsLine(name, repository, version)))
      .join(""),
  };
}

/** The entry of a project that has nothing in production. */
export function emptyEntry(name: string): ProjectEntry {
  return {
    name,
    index: undefined,
    lines: "",
    platforms: "",
    presence: undefined,
    heldBy: undefined,
    filling: undefined,
    documents: new Map(),
  };
}

function imageDetails({ name, imagePrefix, images, facts }: Published): ImageDetails[] {
  return [...images]
    .map(([image, digests]): ImageDetails => {
      const versions = [...digests].flatMap(([digest, tags]): ImageVersion[] => {
        const fact = facts.get(digest);
        if (fact === undefined) return [];
        const { digest: _, ...rest } = fact;
        return [{ digest, tags: sortTags(tags), ...rest }];
      });
      versions.sort((a, b) => compareTagged(a.tags, b.tags) || (a.digest < b.digest ? -1 : 1));
      const repository = imageName(imagePrefix, image);
      return { schemaVersion, project: name, repository, versions };
    })
    .sort((a, b) => (a.repository < b.repository ? -1 : 1));
}

function summaryOf({ repository, versions }: ImageDetails): IndexEntry["images"][number] {
  const latest = latestOf(versions.flatMap(({ tags }) => tags));
  return { repository, digests: versions.length, ...(latest !== undefined && { latest }) };
}

/** Groups files by the first folder of their path, which usually is the version. */
function releaseDetails({ name, filePrefix, files }: Published): ReleaseDetails[] {
  const releases = new Map<string, ReleaseFile[]>();
  const prefix = filesPrefix(filePrefix);
  for (const { path, sha256, bytes } of files) {
    const slash = path.indexOf("/");
    const release = slash < 0 ? "" : path.slice(0, slash);
    const group = releases.get(release) ?? [];
    releases.set(release, group);
    group.push({ path: prefix + path, sha256, bytes });
  }
  return [...releases]
    .sort(([a], [b]) => Number(a === "") - Number(b === "") || compareNewestFirst(a, b))
    .map(([release, group]) => ({
      schemaVersion,
      project: name,
      release,
      files: group.sort((a, b) => (a.path < b.path ? -1 : 1)),
    }));
}

function filesSummary(
  prefix: string,
  releases: readonly { readonly release: string; readonly files: number }[],
): NonNullable<IndexEntry["files"]> {
  const latest = latestOf(releases.map(({ release }) => release));
  return {
    prefix,
    files: releases.reduce((sum, { files }) => sum + files, 0),
    releases: releases.length,
    ...(latest !== undefined && { latest }),
  };
}
