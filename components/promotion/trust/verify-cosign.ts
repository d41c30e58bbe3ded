import { createHash, X509Certificate } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { RefusedError } from "./refused.ts";
import { objectOf } from "./statement.ts";
import { type Trust, type Verified, verifyParsed } from "./verify-bundle.ts";

/** One layer of an attachment in cosign's older format: its bytes, and what stands in the annotations of its descriptor. */
export interface CosignLayer {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Verifies a signature or attestation in cosign's older format (cosign, specs/SIGNATURE_SPEC.md), which keeps in annotations what a bundle has:
 * it is made a bundle and verified as such.
 * @param digest `sha256:<hex>` of the image that it must be about.
 * @throws RefusedError
 */
export function verifyCosignLayer(layer: CosignLayer, digest: string, trust: Trust): Verified {
  if (layer.mediaType === "application/vnd.dsse.envelope.v1+json")
    return verifyParsed(bundleOf(layer, { dsseEnvelope: parse(layer.bytes) }), { digest }, trust);
  const signature = layer.annotations["dev.cosignproject.cosign/signature"];
  if (signature === undefined || signature === "") throw new RefusedError("it has no signature");
  const messageDigest = {
    algorithm: "SHA2_256",
    digest: createHash("sha256").update(layer.bytes).digest("base64"),
  };
  const bundle = bundleOf(layer, { messageSignature: { messageDigest, signature } });
  const verified = verifyParsed(bundle, { content: layer.bytes }, trust);
  checkPayload(layer.bytes, digest);
  return verified;
}

/** The payload that cosign signs names the image ("simple signing"). */
function checkPayload(bytes: Buffer, digest: string): void {
  const critical = objectOf(objectOf(parse(bytes))["critical"]);
  const about = objectOf(critical["image"])["docker-manifest-digest"];
  if (about !== digest) throw new RefusedError(`it is about ${typeof about === "string" ? about : "no image"}`);
}

/** A bundle v0.1, which has a chain of certificates and log entries with a promise, as cosign's annotations have. */
function bundleOf({ annotations }: CosignLayer, content: Record<string, unknown>) {
  const certificate = annotations["dev.sigstore.cosign/certificate"];
  const timestamp = annotations["dev.sigstore.cosign/rfc3161timestamp"];
  const material = {
    ...(certificate === undefined || certificate === ""
      ? { publicKey: { hint: "" } }
      : { x509CertificateChain: { certificates: [{ rawBytes: der(certificate) }] } }),
    tlogEntries: logEntries(annotations["dev.sigstore.cosign/bundle"]),
    timestampVerificationData: {
      rfc3161Timestamps: timestamp === undefined ? [] : [{ signedTimestamp: signedTimestamp(timestamp) }],
    },
  };
  const json = {
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
    verificationMaterial: material,
    ...content,
  };
  try {
    return bundleFromJSON(json);
  } catch (error) {
    throw new RefusedError(
      `its annotations are no signature: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function der(pem: string): string {
  try {
    return new X509Certificate(pem).raw.toString("base64");
  } catch {
    throw new RefusedError("its certificate cannot be read");
  }
}

/** `{SignedEntryTimestamp, Payload: {body, integratedTime, logIndex, logID}}`, as Rekor v1 answers. */
function logEntries(bundle: string | undefined): object[] {
  if (bundle === undefined || bundle === "") return [];
  const { SignedEntryTimestamp, Payload } = objectOf(parse(Buffer.from(bundle)));
  const { body, integratedTime, logIndex, logID } = objectOf(Payload);
  if (typeof body !== "string" || typeof SignedEntryTimestamp !== "string" || typeof logID !== "string")
    throw new RefusedError("its log entry has no body, promise or log");
  const { kind, apiVersion } = objectOf(parse(Buffer.from(body, "base64")));
  return [
    {
      logIndex: String(logIndex),
      logId: { keyId: Buffer.from(logID, "hex").toString("base64") },
      kindVersion: { kind: String(kind), version: String(apiVersion) },
      integratedTime: String(integratedTime),
      inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
      canonicalizedBody: body,
    },
  ];
}

function signedTimestamp(annotation: string): string {
  const signed = objectOf(parse(Buffer.from(annotation)))["SignedRFC3161Timestamp"];
  if (typeof signed !== "string") throw new RefusedError("its timestamp cannot be read");
  return signed;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new RefusedError("it is not JSON, or was cut off");
  }
}
