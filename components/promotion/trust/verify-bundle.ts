import { createHash, createPublicKey, type KeyObject, verify as verifyRaw } from "node:crypto";
import { type Bundle, bundleFromJSON, isBundleWithDsseEnvelope, isBundleWithPublicKey } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import { hexOf } from "../text/oci-grammar.ts";
import { RefusedError, refusedBecause } from "./refused.ts";
import type { Roots } from "./roots.ts";
import { certificateSigner, type Signer } from "./signer.ts";
import { readStatement, type Statement } from "./statement.ts";
import { verifyDigest } from "./verify-digest.ts";

/** What a signature or attestation proves. */
export interface Verified {
  readonly signer: Signer;
  /** Of an attestation; undefined: the content itself is signed. */
  readonly statement?: Statement;
  /** When it was signed, as a log or a timestamp authority says; undefined: only a key says so. */
  readonly time?: Date;
  /** Transparency logs that have it: `https://rekor.sigstore.dev #155690850`. */
  readonly logged: readonly string[];
}

/** What a verification rests on. */
export interface Trust {
  readonly roots: Roots;
  /** Public keys as PEM. A signature by key needs no log. */
  readonly keys: readonly string[];
}

/**
 * What is signed: content whose bytes are here, or content of which only the digest is known. Of an image the digest is what signatures are about, in a
 * statement. Of a file (`ofFile`) a signature may be about its bytes: who copies it proves that they have this digest.
 */
export type Signed = { readonly content: Buffer } | { readonly digest: string; readonly ofFile?: boolean };

/** Bytes of the largest bundle: one with the provenance of a large build has some hundred kilobytes. */
export const largestBundle = 4 * 1024 * 1024;

/** Log entries, and as many timestamps, of one bundle, as sigstore-go has it: each takes a millisecond to verify, and 4 MiB hold thousands. */
const mostProofs = 32;

/**
 * Verifies a Sigstore bundle (sigstore/protobuf-specs, Bundle; v0.1 to v0.3): certificate chain and its log, time, transparency log, signature,
 * and that it is about the content. Pure; makes no request.
 * @param text the bundle's JSON.
 * @throws RefusedError
 */
export function verifyBundle(text: string | Buffer, signed: Signed, trust: Trust): Verified {
  if (text.length > largestBundle)
    throw new RefusedError(`it has ${text.length} bytes, more than a bundle of ${largestBundle}`);
  return verifyParsed(parse(text), signed, trust);
}

/** As {@link verifyBundle}, of a bundle that was read or made. */
export function verifyParsed(bundle: Bundle, signed: Signed, trust: Trust): Verified {
  const digest =
    "digest" in signed ? signed.digest : `sha256:${createHash("sha256").update(signed.content).digest("hex")}`;
  checkNumbers(bundle);
  const statement = isBundleWithDsseEnvelope(bundle) && bundle.content.dsseEnvelope;
  if (!statement) checkMessage(bundle, signed, digest);
  const signer = verifySignature(bundle, signed, trust);
  const { tlogEntries } = bundle.verificationMaterial;
  const time = timeOf(bundle);
  return {
    signer,
    ...(statement && { statement: readStatement(statement.payloadType, statement.payload, digest) }),
    ...(time && { time }),
    logged: tlogEntries.map(({ logId, logIndex, inclusionPromise, inclusionProof }) => {
      // A promise is about the entry's index, a proof only about its own.
      const index = inclusionPromise ? logIndex : inclusionProof?.logIndex;
      const id = Buffer.from(logId?.keyId ?? []).toString("base64");
      return `${trust.roots.logs.get(id) ?? `log ${id}`} #${index}`;
    }),
  };
}

/** Whether something is a bundle with a statement about a digest, whoever signed it: nothing is verified. */
export function isAbout(text: string | Buffer, digest: string): boolean {
  try {
    const bundle = parse(text);
    if (!isBundleWithDsseEnvelope(bundle)) return false;
    const { payloadType, payload } = bundle.content.dsseEnvelope;
    readStatement(payloadType, payload, digest);
    return true;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}

function checkNumbers({ verificationMaterial }: Bundle): void {
  const { tlogEntries, timestampVerificationData } = verificationMaterial;
  const timestamps = timestampVerificationData?.rfc3161Timestamps.length ?? 0;
  if (tlogEntries.length > mostProofs)
    throw new RefusedError(`it has ${tlogEntries.length} log entries, more than ${mostProofs}`);
  if (timestamps > mostProofs) throw new RefusedError(`it has ${timestamps} timestamps, more than ${mostProofs}`);
}

/** Verifies by the bundle's certificate, or by one of the keys. */
function verifySignature(bundle: Bundle, signed: Signed, { roots, keys }: Trust): Signer {
  const content = "content" in signed ? signed.content : undefined;
  if (!isBundleWithPublicKey(bundle)) {
    // A private instance may have no logs; who gave its root decides what it has.
    const { tlogs, ctlogs } = roots.material;
    const thresholds = { tlogThreshold: Math.min(1, tlogs.length), ctlogThreshold: Math.min(1, ctlogs.length) };
    return attempt(() => {
      const verifier = new Verifier(roots.material, thresholds);
      const entity = toSignedEntity(bundle, content);
      return certificateSigner(verifier.verify({ ...entity, signature: overDigest(bundle, entity.signature, signed) }));
    });
  }
  if (keys.length === 0) throw new RefusedError("it is signed with a key, and no key is trusted");
  let refusal: RefusedError | undefined;
  for (const key of keys) {
    try {
      return attempt(() => {
        const publicKey = readKey(key);
        const material = { ...roots.material, publicKey: () => ({ publicKey, validFor: () => true }) };
        const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
        const entity = toSignedEntity(bundle, content);
        const signature = overDigest(bundle, entity.signature, signed);
        verifier.verify({ ...entity, signature: withEd25519(signature, publicKey, content) });
        return { key };
      });
    } catch (error) {
      refusal = error as RefusedError;
    }
  }
  throw refusal!;
}

/** The signature of a file's bytes, of which only the digest is here. */
function overDigest(
  bundle: Bundle,
  signature: ReturnType<typeof toSignedEntity>["signature"],
  signed: Signed,
): ReturnType<typeof toSignedEntity>["signature"] {
  if (bundle.content.$case !== "messageSignature" || "content" in signed) return signature;
  return {
    signature: signature.signature,
    compareSignature: signature.compareSignature.bind(signature),
    compareDigest: signature.compareDigest.bind(signature),
    compareSignedDigest: signature.compareSignedDigest.bind(signature),
    verifySignature: (key) => verifyDigest(Buffer.from(hexOf(signed.digest), "hex"), key, signature.signature),
  };
}

/** Ed25519 signs the content, not a hash of it, which the library does not know of message signatures. */
function withEd25519(
  signature: ReturnType<typeof toSignedEntity>["signature"],
  key: KeyObject,
  content: Buffer | undefined,
) {
  if (key.asymmetricKeyType !== "ed25519" || content === undefined) return signature;
  return {
    signature: signature.signature,
    compareSignature: signature.compareSignature.bind(signature),
    compareDigest: signature.compareDigest.bind(signature),
    compareSignedDigest: signature.compareSignedDigest.bind(signature),
    verifySignature: () => verifyRaw(null, content, key, signature.signature),
  };
}

function readKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new RefusedError("the trusted key is no public key in PEM");
  }
}

/** A message signature says whose digest it signs; the signature proves it only of the content's bytes. */
function checkMessage(bundle: Bundle, signed: Signed, digest: string): void {
  if (bundle.content.$case !== "messageSignature") return;
  const { messageDigest } = bundle.content.messageSignature;
  const said = `sha256:${Buffer.from(messageDigest.digest).toString("hex")}`;
  if (said !== digest) throw new RefusedError(`it is about ${said}`);
  if (!("content" in signed) && signed.ofFile !== true)
    throw new RefusedError("it signs bytes, of which only the digest is known");
}

/** The earliest time that was verified: of a log that promised its entry, or of a timestamp authority. */
function timeOf(bundle: Bundle): Date | undefined {
  const times = toSignedEntity(bundle).timestamps.flatMap((each) => {
    if (each.$case === "timestamp-authority") return each.timestamp.signingTime;
    return each.tlogEntry.inclusionPromise ? new Date(Number(each.tlogEntry.integratedTime) * 1000) : [];
  });
  return times.sort((one, other) => one.getTime() - other.getTime())[0];
}

function parse(text: string | Buffer): Bundle {
  let json: unknown;
  try {
    json = JSON.parse(text.toString("utf8"));
  } catch {
    throw new RefusedError("it is no Sigstore bundle: it is not JSON, or was cut off");
  }
  try {
    return bundleFromJSON(json);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RefusedError(`it is no Sigstore bundle: ${why}`);
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refusedBecause(error);
  }
}
