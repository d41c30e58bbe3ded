import { createHash } from "node:crypto";
import { type Published, projectEntry } from "../../../components/catalogue/entry.ts";
import { type CatalogueIndex, type ImageFacts, schemaVersion } from "../../../components/catalogue/formats.ts";
import { emptyIndex, replaceEntry } from "../../../components/catalogue/index-document.ts";
import {
  indexKey,
  type LineKind,
  listingKey,
  partKey,
  recentKey,
  writeDocument,
} from "../../../components/catalogue/layout.ts";
import { packListing } from "../../../components/catalogue/listing.ts";
import { divideLines } from "../../../components/catalogue/listing-parts.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { noRecent } from "../../../components/promotion/catalogue/recent-document.ts";
import { generateManifests, type ManifestSet, randomOf } from "../generate-manifests.ts";

/** What the entries of a set of manifests are made of. What only registries know (platforms, sizes, signatures) is generated. The same set gives the same. */
export function generatePublished(set: ManifestSet): Published[] {
  const random = randomOf(set.seed);
  return readManifests(generateManifests(set)).projects.map((project) => {
    const digests = project.images.flatMap((image) => image.digests.map(({ digest }) => digest));
    return {
      ...project,
      withdrawn: [],
      staging: {
        images: `us-docker.pkg.dev/example-artifacts/staging-${project.name}`,
        files: `example-staging-${project.name}`,
        source: "https://github.com/example/artifacts",
      },
      images: new Map(
        project.images.map(({ name, digests: all }) => [name, new Map(all.map(({ digest, tags }) => [digest, tags]))]),
      ),
      facts: new Map(digests.map((digest) => [digest, drawFacts(digest, random)])),
      files: project.files.map(({ name, sha256 }) => ({ path: name, sha256, bytes: Math.floor(random() ** 3 * 2e8) })),
    };
  });
}

/** A catalogue of a set of manifests, as the objects of a file mirror by key. The same set gives the same bytes. */
export function generateCatalogue(set: ManifestSet): Map<string, Buffer> {
  const objects = new Map<string, Buffer>();
  let index: CatalogueIndex = emptyIndex;
  const lines = { listing: new Map<string, string>(), platforms: new Map<string, string>() };
  for (const entry of generatePublished(set).map(projectEntry)) {
    for (const [key, text] of entry.documents) objects.set(key, Buffer.from(text));
    index = replaceEntry(index, entry.name, entry.index);
    lines.listing.set(entry.name, entry.lines);
    lines.platforms.set(entry.name, entry.platforms);
  }
  objects.set(indexKey, Buffer.from(writeDocument(index)));
  objects.set(recentKey, Buffer.from(writeDocument(noRecent)));
  return putLines(objects, lines);
}

/** Puts the lines of projects into the objects of a catalogue, in place of those that are there. */
export function putLines(
  objects: Map<string, Buffer>,
  lines: Readonly<Record<LineKind, ReadonlyMap<string, string>>>,
): Map<string, Buffer> {
  const put = (kind: LineKind) =>
    [...divideLines("", lines[kind], (project) => `binaries/${project}/`)].map(([bits, text]) => {
      const part = partKey(kind, text);
      objects.set(part, packListing(text));
      return { bits, part };
    });
  const document = { schemaVersion, listing: put("listing"), platforms: put("platforms") };
  return objects.set(listingKey, Buffer.from(writeDocument(document)));
}

const platforms = ["linux/amd64", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x", "windows/amd64"];
const [ociManifest, ociIndex] = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`);

function drawFacts(digest: string, random: () => number): ImageFacts {
  const own = random() < 0.3 ? platforms.slice(0, 1) : platforms.slice(0, 1 + Math.floor(random() * platforms.length));
  const size = Math.floor(2e6 + random() ** 4 * 4e8);
  const child = (name: string): string =>
    `sha256:${createHash("sha256")
      .update(digest + name)
      .digest("hex")}`;
  const single = own.length === 1;
  const workflow = "https://github.com/example/release/.github/workflows/publish.yml@refs/heads/main";
  return {
    digest,
    mediaType: (single ? ociManifest : ociIndex)!,
    created: new Date(Date.UTC(2021, 0, 1) + Math.floor(random() * 1.8e11)).toISOString(),
    platforms: own.map((platform) => ({
      platform,
      digest: single ? digest : child(platform),
      bytes: Math.floor(size * (0.9 + random() * 0.2)),
    })),
    signatures:
      random() < 0.8
        ? [
            {
              format: "cosign",
              attached: "tag",
              logged: true,
              identity: workflow,
              issuer: "https://token.actions.githubusercontent.com",
            },
          ]
        : [],
    attestations: random() < 0.3 ? [{ attached: "tag", predicateType: "https://slsa.dev/provenance/v1" }] : [],
    sboms:
      random() < 0.2
        ? own.map((platform) => ({
            ...(!single && { of: child(platform) }),
            attached: "referrer",
            format: "application/spdx+json",
          }))
        : [],
  };
}
