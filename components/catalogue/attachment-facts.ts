import { certificateIdentity, type Identity } from "./certificate.ts";
import type { ImageFacts } from "./formats.ts";
import { attestationEntries, nonEmptyText, record, records } from "./image-facts.ts";

/** What a Sigstore bundle says of itself: NOT verified. */
export interface BundleClaims extends Identity {
  /** It has an entry in a transparency log. */
  readonly logged?: boolean;
  /** Of a verification summary: the levels that it says are verified. */
  readonly levels?: readonly string[];
}

/** An artifact attached to a digest: its OCI manifest, and what its first layer says of itself if that is a bundle. */
export interface AttachmentReading {
  /** The digest that it is attached to: the version's, or that of one of its platforms. */
  readonly subject: string;
  /** The tag, if one of cosign's tags (`sha256-<hex>.sig`, `.att`, `.sbom`) attaches it. */
  readonly tag?: string;
  readonly manifest: unknown;
  /** {@link bundleClaims} of its first layer, if {@link needsBundle} requires it. */
  readonly bundle?: BundleClaims;
}

/** The signatures, attestations and SBOMs of one version, from its attachments. Verifies nothing: clients do. */
export function attachmentFacts(
  version: string,
  manifest: unknown,
  attachments: readonly AttachmentReading[],
  children: ReadonlyMap<string, unknown>,
): Pick<ImageFacts, "signatures" | "attestations" | "sboms"> {
  const facts = { signatures: [] as Signature[], attestations: [] as Attestation[], sboms: [] as Sbom[] };
  const aboutOf = (of: string | undefined, attached: Attached) => ({
    ...(of !== undefined && of !== version && { of }),
    attached,
  });
  const add = (
    of: string | undefined,
    attached: Attached,
    predicateType: string | undefined,
    { identity, issuer, source, levels }: BundleClaims = {},
  ): void => {
    const about = aboutOf(of, attached);
    if (predicateType !== undefined && sbomPredicate.test(predicateType))
      facts.sboms.push({ ...about, format: predicateType });
    else
      facts.attestations.push({
        ...about,
        ...(predicateType !== undefined && { predicateType }),
        ...(identity !== undefined && { identity }),
        ...(issuer !== undefined && { issuer }),
        ...(source !== undefined && { source }),
        ...(levels !== undefined && { levels: [...levels] }),
      });
  };
  for (const entry of attestationEntries(manifest)) {
    for (const layer of records(record(children.get(entry.digest))["layers"])) {
      add(entry.of, "index", nonEmptyText(record(layer["annotations"])["in-toto.io/predicate-type"]));
    }
  }
  for (const attachment of attachments) {
    const { subject, tag, manifest: attached } = attachment;
    const how = tag === undefined ? "referrer" : "tag";
    const about = aboutOf(subject, how);
    const layers = records(record(attached)["layers"]);
    const kind = kindOf(attachment);
    if (kind === "cosign") {
      for (const layer of layers) facts.signatures.push({ ...about, format: kind, ...cosignSignature(layer) });
    } else if (kind === "notation") {
      facts.signatures.push({ ...about, format: kind });
    } else if (kind === "sigstore") {
      const predicate = nonEmptyText(record(record(attached)["annotations"])["dev.sigstore.bundle.predicateType"]);
      if (predicate === undefined || predicate.startsWith("https://sigstore.dev/cosign/sign/")) {
        const { identity, issuer, logged } = attachment.bundle ?? {};
        facts.signatures.push({
          ...about,
          format: kind,
          ...(logged !== undefined && { logged }),
          ...(identity !== undefined && { identity }),
          ...(issuer !== undefined && { issuer }),
        });
      } else add(subject, how, predicate, attachment.bundle);
    } else if (kind === "attestation") {
      for (const layer of layers) {
        const annotations = record(layer["annotations"]);
        add(
          subject,
          how,
          nonEmptyText(annotations["predicateType"]) ?? nonEmptyText(annotations["in-toto.io/predicate-type"]),
        );
      }
    } else if (kind === "sbom") {
      facts.sboms.push({
        ...about,
        format: nonEmptyText(layers[0]?.["mediaType"]) ?? artifactType(attached) ?? "unknown",
      });
    }
  }
  return {
    signatures: distinct(facts.signatures),
    attestations: distinct(facts.attestations),
    sboms: distinct(facts.sboms),
  };
}

/** The descriptor of an attachment's first layer, if that layer is a bundle. */
export function needsBundle(
  attachment: Omit<AttachmentReading, "bundle">,
): { digest: string; size: number } | undefined {
  if (kindOf(attachment) !== "sigstore") return undefined;
  const { digest, size } = records(record(attachment.manifest)["layers"])[0] ?? {};
  return typeof digest === "string" && typeof size === "number" ? { digest, size } : undefined;
}

type Attached = "tag" | "referrer" | "index";
type Signature = ImageFacts["signatures"][number];
type Attestation = ImageFacts["attestations"][number];
type Sbom = ImageFacts["sboms"][number];

/** In-toto predicate types of bills of materials (in-toto/attestation, spec/predicates). */
const sbomPredicate = /spdx|cyclonedx/i;
const sbomType = /^(?:application\/(?:spdx|vnd\.cyclonedx|vnd\.syft)|text\/spdx)/i;

/** By cosign's tag, else by the referrer's artifact type. Undefined for any other artifact, which the catalogue does not list. */
function kindOf(
  attachment: Omit<AttachmentReading, "bundle">,
): "cosign" | "sigstore" | "notation" | "attestation" | "sbom" | undefined {
  const { tag, manifest } = attachment;
  if (tag?.endsWith(".sig")) return "cosign";
  if (tag?.endsWith(".att")) return "attestation";
  if (tag?.endsWith(".sbom")) return "sbom";
  const type = artifactType(manifest) ?? "";
  if (type.startsWith("application/vnd.dev.sigstore.bundle")) return "sigstore";
  if (type === "application/vnd.cncf.notary.signature") return "notation";
  if (type === "application/vnd.dev.cosign.artifact.sig.v1+json") return "cosign";
  if (type === "application/vnd.dev.cosign.artifact.sbom.v1+json" || sbomType.test(type)) return "sbom";
  if (type.startsWith("application/vnd.in-toto") || type === "application/vnd.dsse.envelope.v1+json")
    return "attestation";
  return undefined;
}

function artifactType(manifest: unknown): string | undefined {
  const { artifactType: named, config } = record(manifest);
  return nonEmptyText(named) ?? nonEmptyText(record(config)["mediaType"]);
}

/**
 * cosign, specs/SIGNATURE_SPEC.md: annotations of the layer hold the certificate and the entry of the transparency log. Without a
 * certificate, a key signed.
 */
function cosignSignature(layer: Readonly<Record<string, unknown>>): Omit<Identity, "source"> & { logged: boolean } {
  const annotations = record(layer["annotations"]);
  const certificate = nonEmptyText(annotations["dev.sigstore.cosign/certificate"]);
  const logged = nonEmptyText(annotations["dev.sigstore.cosign/bundle"]) !== undefined;
  const { identity, issuer } = certificate === undefined ? {} : certificateIdentity(certificate);
  return { logged, ...(identity !== undefined && { identity }), ...(issuer !== undefined && { issuer }) };
}

/**
 * sigstore/protobuf-specs, Bundle: `verificationMaterial.certificate`, or the first of `x509CertificateChain`, as DER in base64; the entries of
 * the transparency log in `tlogEntries`. What is no bundle claims nothing.
 * @param bytes of a bundle, as somebody stored it.
 */
export function bundleClaims(bytes: Buffer): BundleClaims {
  let bundle: unknown;
  try {
    bundle = JSON.parse(bytes.toString("utf8"));
  } catch {
    return {};
  }
  const material = record(record(bundle)["verificationMaterial"]);
  const chain = records(record(material["x509CertificateChain"])["certificates"]);
  const der = nonEmptyText(record(material["certificate"])["rawBytes"]) ?? nonEmptyText(chain[0]?.["rawBytes"]);
  const logged = records(material["tlogEntries"]).length > 0;
  const levels = levelsOf(record(bundle)["dsseEnvelope"]);
  return {
    logged,
    ...(der !== undefined && certificateIdentity(Buffer.from(der, "base64"))),
    ...(levels !== undefined && { levels }),
  };
}

/** `verifiedLevels` of a verification summary (slsa.dev/spec/v1.1/verification_summary). */
function levelsOf(envelope: unknown): string[] | undefined {
  const payload = nonEmptyText(record(envelope)["payload"]);
  if (payload === undefined) return undefined;
  try {
    const { predicateType, predicate } = record(JSON.parse(Buffer.from(payload, "base64").toString("utf8")));
    const levels = record(predicate)["verifiedLevels"];
    if (predicateType !== "https://slsa.dev/verification_summary/v1" || !Array.isArray(levels)) return undefined;
    return levels.filter((level) => typeof level === "string" && /^\w{1,100}$/.test(level)).slice(0, 20) as string[];
  } catch {
    return undefined;
  }
}

function distinct<T>(facts: readonly T[]): T[] {
  const seen = new Map(facts.map((fact) => [JSON.stringify(fact), fact]));
  return [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fact]) => fact);
}
