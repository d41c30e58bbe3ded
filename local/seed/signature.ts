/** Signatures in cosign's format: an image at the tag `sha256-<hex>.sig` of the signed image's repository. */
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { type DigestedContent, descriptor, jsonContent } from "./content.ts";
import { mediaTypes } from "./image.ts";

/** A signature. */
export interface CosignSignature {
  /** The tag that clients look for, derived from the signed digest. */
  readonly tag: string;
  readonly manifest: DigestedContent;
  readonly blobs: readonly DigestedContent[];
}

/**
 * Signs an image or index (cosign, specs/SIGNATURE_SPEC.md: "simple signing" payload, signature as the layer's annotation).
 * The signature only tests that signatures are promoted. It proves nothing: see {@link demoKey}.
 */
export function signImage(repository: string, signed: DigestedContent): CosignSignature {
  const payload = jsonContent("application/vnd.dev.cosign.simplesigning.v1+json", {
    critical: {
      identity: { "docker-reference": repository },
      image: { "docker-manifest-digest": signed.digest },
      type: "cosign container image signature",
    },
    optional: null,
  });
  const config = jsonContent(mediaTypes.config, {
    architecture: "",
    created: "0001-01-01T00:00:00Z",
    history: [{ created: "0001-01-01T00:00:00Z" }],
    os: "",
    rootfs: { type: "layers", diff_ids: [payload.digest] },
    config: {},
  });
  const manifest = jsonContent(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(config),
    layers: [
      {
        ...descriptor(payload),
        annotations: { "dev.cosignproject.cosign/signature": sign(null, payload.bytes, demoKey()).toString("base64") },
      },
    ],
  });
  return { tag: `${signed.digest.replace(":", "-")}.sig`, manifest, blobs: [config, payload] };
}

/** The public half of the demo key, as a PEM that `cosign verify --key` and OpenSSL read. */
export function demoPublicKey(): string {
  return createPublicKey(demoKey()).export({ type: "spki", format: "pem" }).toString();
}

/**
 * A public key pair, derived from a constant, so that the demo artifacts are the same everywhere. It is not secret: never trust it. Ed25519
 * signatures need no random number (RFC 8032), so the same payload gives the same signature.
 */
function demoKey(): ReturnType<typeof createPrivateKey> {
  const seed = createHash("sha256").update("artifacts: public demo key, proves nothing").digest();
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex"); // PKCS #8 of an Ed25519 seed (RFC 8410, section 7)
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
}
