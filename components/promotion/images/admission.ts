import type { Manifest } from "../oci/manifest.ts";
import { attachmentLimits } from "../run/limits.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { printable } from "../text/printable.ts";
import type { Attachment } from "./attachments.ts";

/** What an admitted attachment is, in a word for people. */
export type AttachmentKind = "signature" | "attestation" | "SBOM" | "artifact";

/** What a project admits beyond signatures, attestations and SBOMs, and how large an attachment may be. */
export interface AdmissionRules {
  /** Artifact types of referrers that `project.yaml` names. */
  readonly artifactTypes: readonly string[];
  /** Bytes of one attachment: config and layers. */
  readonly bytes: number;
}

/** The verdict on one attachment: what it is, or why it stays out. */
export type Admission = { readonly kind: AttachmentKind } | { readonly refusal: string };

/** The descriptor of an image config, which must be read before the attachment is judged: it says whether somebody can run it. */
export function neededConfig(manifest: Manifest): { readonly digest: string; readonly size: number } | undefined {
  const { config } = shapeOf(manifest);
  return imageConfigs.has(config?.mediaType ?? "") && config!.size <= attachmentLimits.config ? config : undefined;
}

/**
 * Judges an attachment by its OCI manifest. Whoever may push to staging decides what is attached there, and nobody reviews it: only what
 * a client reads as a statement about an image gets in, nothing that a client could run.
 *
 * Sources: cosign, specs/SIGNATURE_SPEC.md, SBOM_SPEC.md and ATTESTATION_SPEC.md (tags); sigstore, Bundle as OCI artifact (referrers).
 * @param config the JSON of the image config, where {@link neededConfig} asks for it.
 */
export function admit(
  attachment: Attachment,
  manifest: Manifest,
  config: unknown,
  { artifactTypes, bytes }: AdmissionRules,
): Admission {
  if (!plainManifests.has(manifest.mediaType))
    return refuse(`its media type ${named(manifest.mediaType)} is that of an image or an index`);
  const shape = shapeOf(manifest);
  const { tag } = attachment;
  if (manifest.subject !== undefined && manifest.subject.digest !== attachment.subject)
    return refuse(`its subject is ${named(manifest.subject.digest)}`);
  if (tag === undefined && manifest.subject === undefined) return refuse("it names no subject");
  const entry = tag === undefined ? referrerType(manifest, artifactTypes) : tagType(tag);
  if (entry === undefined) {
    const type =
      manifest.artifactType === undefined ? "no artifact type" : `artifact type ${named(manifest.artifactType)}`;
    return refuse(`it has ${type}: name it in attachments.artifactTypes of project.yaml if it should be published`);
  }
  const stray = entry.layers && shape.layers.find(({ mediaType }) => !entry.layers!.test(mediaType));
  if (stray) return refuse(`it has a layer of media type ${named(stray.mediaType)}, which is no ${entry.kind}`);
  if (shape.layers.length === 0) return refuse("it has no content");
  if (shape.layers.length > attachmentLimits.layers)
    return refuse(`it has ${shape.layers.length} layers, more than ${attachmentLimits.layers}`);
  const size = shape.layers.reduce((sum, layer) => sum + layer.size, shape.config?.size ?? 0);
  if (size > bytes)
    return refuse(`it has ${formatBytes(size)}; an attachment of this project may have ${formatBytes(bytes)}`);
  const runnable = runnableBy(shape.config, config);
  if (runnable !== undefined) return refuse(runnable);
  return { kind: entry.kind === "signature" && isAttestation(manifest) ? "attestation" : entry.kind };
}

/** Sigstore says of a bundle what it is in annotations; cosign 3 signs with a statement of a predicate type of its own. */
function isAttestation({ annotations }: Manifest): boolean {
  const predicate = annotations?.["dev.sigstore.bundle.predicateType"];
  return predicate !== undefined && !predicate.startsWith("https://sigstore.dev/cosign/sign/");
}

/** Why somebody could run it; undefined: nobody can. */
function runnableBy(descriptor: Descriptor | undefined, config: unknown): string | undefined {
  if (descriptor === undefined || !imageConfigs.has(descriptor.mediaType)) return undefined;
  if (descriptor.size > attachmentLimits.config) return `its image config has ${formatBytes(descriptor.size)}`;
  if (typeof config !== "object" || config === null) return "its image config cannot be read";
  const { os, architecture, config: run } = config as Record<string, unknown>;
  const what = typeof run === "object" && run !== null ? (run as Record<string, unknown>) : {};
  const platform = [os, architecture].filter((part) => typeof part === "string" && part !== "").join("/");
  if (platform !== "") return `it is an image for ${named(platform)}`;
  const starts = ["Cmd", "Entrypoint"].find((key) => Array.isArray(what[key]) && what[key].length > 0);
  return starts === undefined ? undefined : `it is an image with a command (${starts})`;
}

interface Entry {
  readonly kind: AttachmentKind;
  /** Media types of its layers; undefined: any. */
  readonly layers?: RegExp;
}

const signatureLayer = /^application\/vnd\.dev\.cosign\.simplesigning\.v1\+json$/;
const attestationLayer = /^application\/(vnd\.dsse\.envelope\.v1|vnd\.in-toto)\+json$/;
const sbomType =
  /^(application\/(spdx\+json|spdx\+xml|vnd\.cyclonedx(\+json|\+xml)?|vnd\.syft\+json)|text\/spdx(\+json|\+xml)?|spdx\+json)$/;
const bundleType = /^application\/vnd\.dev\.sigstore\.bundle(\.v0\.\d)?\+json(;version=0\.\d)?$/;

function tagType(tag: string): Entry | undefined {
  if (tag.endsWith(".sig")) return { kind: "signature", layers: signatureLayer };
  if (tag.endsWith(".att")) return { kind: "attestation", layers: attestationLayer };
  if (tag.endsWith(".sbom")) return { kind: "SBOM", layers: sbomType };
  return undefined;
}

function referrerType({ artifactType = "" }: Manifest, named: readonly string[]): Entry | undefined {
  if (bundleType.test(artifactType)) return { kind: "signature", layers: bundleType };
  if (artifactType === "application/vnd.dev.cosign.artifact.sig.v1+json")
    return { kind: "signature", layers: signatureLayer };
  if (artifactType === "application/vnd.dev.cosign.artifact.sbom.v1+json") return { kind: "SBOM", layers: sbomType };
  if (attestationLayer.test(artifactType)) return { kind: "attestation", layers: attestationLayer };
  if (sbomType.test(artifactType)) return { kind: "SBOM", layers: sbomType };
  return named.includes(artifactType) ? { kind: "artifact" } : undefined;
}

/** Of an OCI manifest, or of the older OCI artifact manifest, which has no config. */
const plainManifests = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.artifact.manifest.v1+json",
]);

const imageConfigs = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Config and layers, as the manifest has them. Its descriptors were checked when it was read. */
function shapeOf({ bytes }: Manifest): {
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
} {
  const json = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  const [config, layers, blobs] = [json["config"], json["layers"], json["blobs"]];
  const list = [layers, blobs].flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : []));
  return {
    config: typeof config === "object" && config !== null ? descriptorOf(config) : undefined,
    layers: list.map(descriptorOf),
  };
}

function descriptorOf(value: unknown): Descriptor {
  const { mediaType, digest, size } = value as Record<string, unknown>;
  return {
    mediaType: typeof mediaType === "string" ? mediaType : "",
    digest: String(digest),
    size: Number(size),
  };
}

function refuse(refusal: string): Admission {
  return { refusal };
}

function named(text: string): string {
  return text === "" ? "(none)" : printable(text, 100);
}
