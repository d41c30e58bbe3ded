/** SBOMs (SPDX) that are attached to an image as an OCI 1.1 referrer: a manifest whose `subject` is the image. */
import { content, type DigestedContent, descriptor, jsonContent, sha256Hex } from "./content.ts";
import { mediaTypes } from "./image.ts";
import { madeAt } from "./layer.ts";
import { type PinnedPackage, packageFile } from "./packages.ts";

/** A referrer. Clients find it through its subject, so it has no tag. */
export interface Referrer {
  readonly subject: DigestedContent;
  readonly artifactType: string;
  readonly manifest: DigestedContent;
  readonly blobs: readonly DigestedContent[];
}

/** The artifact type that SPDX tools look for. */
const spdxType = "application/spdx+json";

/** Builds the SBOM of an image: the package and each of its files in the image. */
export function attachSbom(
  image: DigestedContent,
  name: string,
  from: PinnedPackage,
  paths: readonly string[],
): Referrer {
  const sbom = jsonContent(spdxType, spdx(image, name, from, paths));
  const empty = content(mediaTypes.empty, new TextEncoder().encode("{}"));
  const annotations = { "org.opencontainers.image.created": madeAt.toISOString() };
  const manifest = jsonContent(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: spdxType,
    config: descriptor(empty),
    layers: [descriptor(sbom)],
    subject: descriptor(image),
    annotations,
  });
  return { subject: image, artifactType: spdxType, manifest, blobs: [empty, sbom] };
}

/** An SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3). */
function spdx(image: DigestedContent, name: string, from: PinnedPackage, paths: readonly string[]): unknown {
  const files = paths.map((path, i) => ({
    SPDXID: `SPDXRef-File-${i + 1}`,
    fileName: `./${path}`,
    checksums: [{ algorithm: "SHA256", checksumValue: sha256Hex(packageFile(from, path)) }],
  }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `https://example.org/spdx/${name}/${image.digest}`,
    creationInfo: { created: madeAt.toISOString().replace(".000Z", "Z"), creators: ["Tool: artifacts-local-seed"] },
    documentDescribes: ["SPDXRef-Package"],
    packages: [
      {
        SPDXID: "SPDXRef-Package",
        name: from.name,
        versionInfo: from.version,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseDeclared: from.license.replace(/^\((.*)\)$/, "$1"),
        checksums: [{ algorithm: "SHA512", checksumValue: sha512Hex(from.integrity) }],
        externalRefs: [
          {
            referenceCategory: "PACKAGE-MANAGER",
            referenceType: "purl",
            referenceLocator: `pkg:npm/${from.name}@${from.version}`,
          },
        ],
      },
    ],
    files,
    relationships: files.map(({ SPDXID }) => ({
      spdxElementId: "SPDXRef-Package",
      relationshipType: "CONTAINS",
      relatedSpdxElement: SPDXID,
    })),
  };
}

function sha512Hex(integrity: string): string {
  return Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
}
