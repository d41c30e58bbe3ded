import { printable } from "../text/printable.ts";
import { type Digest, digestOf, isDigest } from "./digest.ts";
import { WrongContentError } from "./errors.ts";

/** A pointer to content (OCI image spec, "Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** `os/architecture[/variant]`, of an index's entry. */
  readonly platform?: string;
  /** A layer that clients may find on other servers. */
  readonly isForeign?: true;
}

/** The parts of a manifest that matter for a copy: what must be stored before it, and what it is attached to. */
export interface Manifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
  /** Of an index: the manifests that it lists. */
  readonly children: readonly Descriptor[];
  /** Config and layers, without {@link foreign} ones. */
  readonly blobs: readonly Descriptor[];
  /** Layers that clients may find on other servers (`urls`, of old Windows images): registries need not have them. */
  readonly foreign: readonly Descriptor[];
  /** Of a referrer: the manifest that it is attached to. */
  readonly subject?: Descriptor;
  /** Of a referrer: what the referrers API must list of it (distribution spec, "Listing Referrers"). */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const ociIndex = "application/vnd.oci.image.index.v1+json";
export const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const ociArtifact = "application/vnd.oci.artifact.manifest.v1+json";
const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
const schema1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/;

const indexTypes = new Set([ociIndex, dockerList]);
const manifestTypes = new Set([ociManifest, ociIndex, dockerManifest, dockerList, ociArtifact]);

/** For every request of a manifest: some registries answer 404 for a type that is not accepted (distribution, olareg). */
export const acceptedManifests = [...manifestTypes].join(", ");

/** The spec asks registries to take at least 4 MiB ("Pushing Manifests"); nothing here is larger. */
export const largestManifest = 4 * 1024 * 1024;

/** Whether a manifest of a media type lists other manifests. */
export function isIndexType(mediaType: string): boolean {
  return indexTypes.has(mediaType);
}

/**
 * Reads a manifest's bytes.
 * @param expected the digest under which the bytes were asked for.
 * @param contentType as the registry gave it; the manifest's own `mediaType` must agree when there is one.
 * @throws WrongContentError if the bytes do not match the digest, or are not a manifest that can be copied (schema 1).
 */
export function readManifest(bytes: Buffer, expected: Digest, contentType: string): Manifest {
  // First, because the digest of a signed one is of its payload, not of these bytes (distribution 2.8, "Image Manifest Version 2, Schema 1").
  if (schema1.test(headerType(contentType))) throw schema1Error(expected);
  const actual = digestOf(bytes);
  if (actual !== expected) throw new WrongContentError(`manifest ${expected} came as content with digest ${actual}`);
  const json = parse(bytes, expected);
  const mediaType = mediaTypeOf(json, contentType);
  if (schema1.test(mediaType) || json["schemaVersion"] === 1) throw schema1Error(expected);
  if (!manifestTypes.has(mediaType)) {
    throw new WrongContentError(
      `${expected} has media type "${printable(mediaType, 100)}", which is no image, index or artifact`,
    );
  }
  const listed = [...descriptors(json["manifests"], expected)];
  const own = [
    ...(json["config"] === undefined ? [] : descriptors([json["config"]], expected)),
    ...descriptors(json["layers"], expected),
    ...descriptors(json["blobs"], expected), // of the OCI artifact manifest
  ];
  const inIndex = indexTypes.has(mediaType);
  const [subject] = json["subject"] == null ? [] : descriptors([json["subject"]], expected);
  const configType = own[0]?.mediaType;
  const artifactType =
    typeof json["artifactType"] === "string" && json["artifactType"] ? json["artifactType"] : configType;
  const annotations = annotationsOf(json["annotations"]);
  return {
    digest: expected,
    mediaType,
    bytes,
    // An entry of unknown type is a blob: build caches list their layers in an index.
    children: inIndex ? listed.filter((entry) => manifestTypes.has(entry.mediaType)) : [],
    blobs: inIndex
      ? listed.filter((entry) => !manifestTypes.has(entry.mediaType))
      : own.filter((blob) => !blob.isForeign),
    foreign: inIndex ? [] : own.filter((blob) => blob.isForeign),
    ...(subject && { subject }),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

/** The platforms of an index's images; empty for a plain image, whose manifest does not name its platform. */
export function platformsOf({ children }: Manifest): string[] {
  return children.flatMap(({ platform }) => platform ?? []);
}

/** The entry of a referrers index for an attached manifest (distribution spec, "Pushing Manifests with Subject"). */
export function referrerEntry(manifest: Manifest): Record<string, unknown> {
  return {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.length,
    ...(manifest.artifactType !== undefined && { artifactType: manifest.artifactType }),
    ...(manifest.annotations && { annotations: manifest.annotations }),
  };
}

function schema1Error(digest: Digest): WrongContentError {
  return new WrongContentError(
    `${digest} is a Docker schema 1 manifest, which registries no longer store: build and push the image again with a current tool`,
  );
}

/** The media type of a `Content-Type` header, without parameters. */
function headerType(contentType: string): string {
  return contentType.split(";", 1)[0]!.trim();
}

function parse(bytes: Buffer, digest: Digest): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new WrongContentError(`manifest ${digest} is not JSON: ${printable(String(error), 100)}`);
  }
  throw new WrongContentError(`manifest ${digest} is not a JSON object`);
}

/** The manifest's own `mediaType` takes precedence: it is covered by the digest, a header is not. */
function mediaTypeOf(json: Record<string, unknown>, contentType: string): string {
  if (typeof json["mediaType"] === "string" && json["mediaType"]) return json["mediaType"];
  const header = headerType(contentType);
  if (manifestTypes.has(header) || schema1.test(header)) return header;
  if (Array.isArray(json["manifests"])) return ociIndex; // OCI 1.0 manifests need not have a media type
  if (json["config"] !== undefined && Array.isArray(json["layers"])) return ociManifest;
  return header;
}

function* descriptors(value: unknown, inside: Digest): Generator<Descriptor> {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) throw new WrongContentError(`manifest ${inside}: a list of descriptors is not a list`);
  for (const entry of value as unknown[]) {
    const { mediaType, digest, size, urls, platform } = (entry ?? {}) as Record<string, unknown>;
    if (typeof digest !== "string" || !isDigest(digest)) {
      const other = /^sha(384|512):/.test(String(digest));
      throw new WrongContentError(
        `manifest ${inside} refers to "${printable(String(digest), 90)}", which is ${other ? "not supported: registries store sha256 digests only, so build it with those" : "no sha256 digest"}`,
      );
    }
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      throw new WrongContentError(`manifest ${inside}: size of ${digest} is no number of bytes`);
    }
    const type = typeof mediaType === "string" ? mediaType : "";
    const isForeign = Array.isArray(urls) && urls.length > 0 && /foreign|nondistributable/.test(type);
    const on = platformOf(platform);
    yield { mediaType: type, digest, size, ...(on !== undefined && { platform: on }), ...(isForeign && { isForeign }) };
  }
}

function platformOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { os, architecture, variant } = value as Record<string, unknown>;
  return [os, architecture, variant].filter((part) => typeof part === "string" && part).join("/");
}

function annotationsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const texts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return texts.length > 0 ? Object.fromEntries(texts) : undefined;
}
