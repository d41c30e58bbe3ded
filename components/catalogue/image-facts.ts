import type { ImageFacts } from "./formats.ts";

/** What was read about a digest in a registry: manifests and configs as parsed JSON. */
export interface ImageReading {
  readonly digest: string;
  /** Of the OCI manifest or index. */
  readonly mediaType: string;
  readonly manifest: unknown;
  /** Manifests of an index's entries, by digest. An entry without one is left out of the platforms. */
  readonly children: ReadonlyMap<string, unknown>;
  /** Image configs by digest: of a plain image, or of one entry of an index (for its time of creation). */
  readonly configs: ReadonlyMap<string, unknown>;
}

/** Extracts what the catalogue shows of an image (OCI image spec, "Image Manifest", "Image Index", "Image Configuration"). */
export function imageFacts(
  reading: ImageReading,
): Pick<ImageFacts, "digest" | "mediaType" | "artifactType" | "created" | "platforms"> {
  const { digest, mediaType, children, configs } = reading;
  const manifest = record(reading.manifest);
  const entries = platformEntries(manifest);
  const own = entries.length > 0 ? [] : [{ digest, platform: undefined, manifest }];
  const parts = [
    ...own,
    ...entries.flatMap((entry) => {
      const child = children.get(entry.digest);
      return child === undefined ? [] : [{ ...entry, manifest: record(child) }];
    }),
  ];
  const platforms = parts.map((part) => {
    const platform = part.platform ?? platformOf(record(configs.get(configDigest(part.manifest) ?? "")));
    return { ...(platform !== undefined && { platform }), digest: part.digest, bytes: downloadSize(part.manifest) };
  });
  const created = createdOf(manifest, parts, configs);
  const artifactType = artifactTypeOf(manifest);
  return {
    digest,
    mediaType,
    ...(artifactType !== undefined && { artifactType }),
    ...(created !== undefined && { created }),
    platforms: platforms.sort((a, b) => comparePlatforms(a.platform ?? "", b.platform ?? "")),
  };
}

/**
 * The descriptors of the configs that {@link imageFacts} needs: a plain image's own; an index's first entry's, unless an annotation states
 * the time of creation.
 */
export function neededConfigs(reading: Omit<ImageReading, "configs">): { digest: string; size: number }[] {
  const manifest = record(reading.manifest);
  const entries = platformEntries(manifest);
  if (entries.length > 0 && annotatedTime(manifest) !== undefined) return [];
  const first = entries.length > 0 ? record(reading.children.get(entries[0]!.digest)) : manifest;
  const config = record(first["config"]);
  const { digest, size } = config;
  if (!isImageConfig(config) || typeof digest !== "string" || typeof size !== "number") return [];
  return [{ digest, size }];
}

/** The entries of an index that are attestations, as BuildKit writes them (moby/buildkit, docs/attestations/attestation-storage.md). */
export function attestationEntries(manifest: unknown): { digest: string; of: string | undefined }[] {
  return records(record(manifest)["manifests"]).flatMap((entry) => {
    const annotations = record(entry["annotations"]);
    if (annotations["vnd.docker.reference.type"] !== "attestation-manifest") return [];
    return typeof entry["digest"] === "string"
      ? [{ digest: entry["digest"], of: nonEmptyText(annotations["vnd.docker.reference.digest"]) }]
      : [];
  });
}

/** A JSON value as an object; empty if it is not an object. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A JSON value as a list of objects; empty if it is not a list. */
export function records(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** A JSON value as a text; undefined if it is not a text or is empty. */
export function nonEmptyText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

const configTypes = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

function isImageConfig(config: Readonly<Record<string, unknown>>): boolean {
  return configTypes.has(String(config["mediaType"]));
}

/** The entries of an index that a client can pull for a platform. */
function platformEntries(
  manifest: Readonly<Record<string, unknown>>,
): { digest: string; platform: string | undefined }[] {
  return records(manifest["manifests"]).flatMap((entry) => {
    const digest = entry["digest"];
    const platform = platformOf(record(entry["platform"]));
    // BuildKit marks attestations with the platform unknown/unknown.
    if (typeof digest !== "string" || platform?.startsWith("unknown/")) return [];
    return [{ digest, platform }];
  });
}

/** The platform of a descriptor's `platform` or of an image config: both have the same members. */
function platformOf(value: Readonly<Record<string, unknown>>): string | undefined {
  const [os, architecture, variant] = [
    nonEmptyText(value["os"]),
    nonEmptyText(value["architecture"]),
    nonEmptyText(value["variant"]),
  ];
  if (os === undefined || architecture === undefined) return undefined;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

function downloadSize(manifest: Readonly<Record<string, unknown>>): number {
  const sizes = new Map<unknown, number>();
  for (const { digest, size } of [record(manifest["config"]), ...records(manifest["layers"])]) {
    if (typeof size === "number" && size >= 0) sizes.set(digest, size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

function configDigest(manifest: Readonly<Record<string, unknown>>): string | undefined {
  return nonEmptyText(record(manifest["config"])["digest"]);
}

function artifactTypeOf(manifest: Readonly<Record<string, unknown>>): string | undefined {
  const named = nonEmptyText(manifest["artifactType"]);
  if (named !== undefined) return named;
  const config = record(manifest["config"]);
  return config["mediaType"] === undefined || isImageConfig(config) ? undefined : nonEmptyText(config["mediaType"]);
}

function createdOf(
  manifest: Readonly<Record<string, unknown>>,
  parts: readonly { readonly manifest: Readonly<Record<string, unknown>> }[],
  configs: ImageReading["configs"],
): string | undefined {
  const ofConfigs = parts.map((part) => timeOf(record(configs.get(configDigest(part.manifest) ?? ""))["created"]));
  const ofParts = parts.map((part) => annotatedTime(part.manifest));
  return [annotatedTime(manifest), ...ofParts, ...ofConfigs].find((time) => time !== undefined);
}

function annotatedTime(manifest: Readonly<Record<string, unknown>>): string | undefined {
  return timeOf(record(manifest["annotations"])["org.opencontainers.image.created"]);
}

/** A time as RFC 3339; undefined for the epoch and the year 1, which reproducible builds write. */
function timeOf(value: unknown): string | undefined {
  const milliseconds = typeof value === "string" ? Date.parse(value) : Number.NaN;
  const earliest = Date.UTC(1980, 0, 2);
  return milliseconds > earliest ? new Date(milliseconds).toISOString().replace(".000Z", "Z") : undefined;
}

/** Linux first, because most clients need it; then by name. */
function comparePlatforms(a: string, b: string): number {
  const linux = Number(b.startsWith("linux/")) - Number(a.startsWith("linux/"));
  return linux || (a < b ? -1 : a > b ? 1 : 0);
}
