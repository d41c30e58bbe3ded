/** A Sigstore of our own in memory: an authority, its certificate log, a transparency log, and what clients sign with them. */
import { createHash, generateKeyPairSync, type KeyObject, sign as signRaw } from "node:crypto";
import { initializeCA, initializeCTLog, initializeTLog } from "@sigstore/mock";

/** What is signed, and by whom. */
export interface ToSign {
  /** `sha256:<hex>` of the image or file. */
  readonly digest: string;
  readonly identity?: string;
  readonly issuer?: string;
  readonly predicateType?: string;
  readonly predicate?: object;
  /** Signed by this key in place of a certificate; the log is left out. */
  readonly key?: KeyPair;
}

/** A key pair for P-256. */
export type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

/** A layer as cosign's older format has it. */
export interface SignedLayer {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly annotations: Record<string, string>;
}

/** A private Sigstore. */
export interface TestSigstore {
  /** Its `trusted_root.json`. */
  readonly root: string;
  /** A statement about a digest, signed, as a bundle. */
  bundle(signing: ToSign): Promise<string>;
  /** A signature of a file's bytes, as a bundle. */
  fileBundle(content: Buffer, signing?: Omit<ToSign, "digest">): Promise<string>;
  /** A signature in cosign's older format. */
  signature(signing: ToSign): Promise<SignedLayer>;
  /** An attestation in cosign's older format. */
  attestation(signing: ToSign): Promise<SignedLayer>;
  /** A certificate that it issues, as DER. */
  certificate(publicKey: KeyObject, identity: string, issuer: string): Promise<Buffer>;
}

/** A key pair. */
export function testKeyPair(): KeyPair {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** The public key as PEM. */
export function pemOf({ publicKey }: KeyPair): string {
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

/** The workflow that signs unless a test says otherwise. */
export const testIdentity = "https://github.com/example/tool/.github/workflows/release.yml@refs/tags/v1";
/** Its issuer. */
export const testIssuer = "https://token.actions.githubusercontent.com";

/**
 * Starts one; it makes no request.
 * @param clock the time in it.
 * @param logClock the time in its transparency log: a minute later, because the authority's own certificate is valid only from when it was made.
 */
export async function testSigstore(
  clock: Date = new Date(),
  logClock: Date = new Date(clock.getTime() + 60_000),
): Promise<TestSigstore> {
  const [caKeys, ctKeys, logKeys] = [testKeyPair(), testKeyPair(), testKeyPair()];
  const ctLog = await initializeCTLog(ctKeys, clock);
  const authority = await initializeCA(caKeys, ctLog, clock);
  const log = await initializeTLog("https://rekor.example.org", logKeys, logClock);

  const certificate = async (publicKey: KeyObject, identity: string, issuer: string): Promise<Buffer> => {
    const der = publicKey.export({ type: "spki", format: "der" });
    const extensions = [{ oid: "1.3.6.1.4.1.57264.1.8", value: issuer }];
    const issued = await authority.issueCertificate({
      publicKey: new Uint8Array(der),
      subjectAltName: identity,
      extensions,
    });
    return Buffer.from(issued.buffer, issued.byteOffset, issued.byteLength);
  };

  /** Signs bytes, and enters them in the log as one kind of entry. */
  const enter = async (bytes: Buffer, signing: ToSign, entryOf: (signature: Buffer, verifier: string) => object) => {
    const keys = signing.key ?? testKeyPair();
    const signature = signRaw("sha256", bytes, keys.privateKey);
    if (signing.key) return { signature, der: undefined, pem: undefined, entry: undefined };
    const der = await certificate(keys.publicKey, signing.identity ?? testIdentity, signing.issuer ?? testIssuer);
    const pem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
    const entries = (await log.log(entryOf(signature, Buffer.from(pem).toString("base64")))) as Record<string, Entry>;
    return { signature, der, pem, entry: Object.values(entries)[0]! };
  };
  const envelope = async (signing: ToSign) => {
    const type = "application/vnd.in-toto+json";
    const payload = Buffer.from(
      JSON.stringify({
        _type: "https://in-toto.io/Statement/v1",
        subject: [{ name: "subject", digest: { sha256: signing.digest.replace("sha256:", "") } }],
        predicateType: signing.predicateType ?? "https://sigstore.dev/cosign/sign/v1",
        predicate: signing.predicate ?? {},
      }),
    );
    const bytes = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    const signed = await enter(bytes, signing, (signature, verifier) => ({
      apiVersion: "0.0.1",
      kind: "dsse",
      spec: {
        envelopeHash: { algorithm: "sha256", value: hex(payload) },
        payloadHash: { algorithm: "sha256", value: hex(payload) },
        signatures: [{ signature: signature.toString("base64"), verifier }],
      },
    }));
    const signatures = [{ sig: signed.signature.toString("base64"), keyid: "" }];
    return { ...signed, envelope: { payloadType: type, payload: payload.toString("base64"), signatures } };
  };
  const annotationsOf = ({ pem, entry }: Awaited<ReturnType<typeof enter>>): Record<string, string> => {
    if (!entry) return {};
    const { body, integratedTime, logIndex, logID, verification } = entry;
    const bundle = {
      SignedEntryTimestamp: verification.signedEntryTimestamp,
      Payload: { body, integratedTime, logIndex, logID },
    };
    return { "dev.sigstore.cosign/certificate": pem!, "dev.sigstore.cosign/bundle": JSON.stringify(bundle) };
  };

  return {
    root: JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [logOf("https://rekor.example.org", logKeys)],
      ctlogs: [logOf("https://ctlog.example.org", ctKeys)],
      certificateAuthorities: [
        {
          subject: { organization: "example", commonName: "example" },
          uri: "https://fulcio.example.org",
          certChain: { certificates: [{ rawBytes: base64(authority.rootCertificate) }] },
          validFor: { start: "2000-01-01T00:00:00Z" },
        },
      ],
      timestampAuthorities: [],
    }),
    certificate,
    async bundle(signing) {
      const { der, entry, envelope: dsseEnvelope } = await envelope(signing);
      const material = der ? { certificate: { rawBytes: der.toString("base64") } } : { publicKey: { hint: "" } };
      return JSON.stringify({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { ...material, tlogEntries: entry ? [tlogEntry(entry, "dsse")] : [] },
        dsseEnvelope,
      });
    },
    async fileBundle(content, signing = {}) {
      const signed = await enter(content, { digest: "", ...signing }, (signature, key) =>
        recordOf(content, signature, key),
      );
      const { der, entry, signature } = signed;
      const material = der ? { certificate: { rawBytes: der.toString("base64") } } : { publicKey: { hint: "" } };
      const digest = createHash("sha256").update(content).digest("base64");
      return JSON.stringify({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { ...material, tlogEntries: entry ? [tlogEntry(entry, "hashedrekord")] : [] },
        messageSignature: { messageDigest: { algorithm: "SHA2_256", digest }, signature: signature.toString("base64") },
      });
    },
    async attestation(signing) {
      const signed = await envelope(signing);
      const bytes = Buffer.from(JSON.stringify(signed.envelope));
      return { mediaType: "application/vnd.dsse.envelope.v1+json", bytes, annotations: annotationsOf(signed) };
    },
    async signature(signing) {
      const bytes = Buffer.from(
        JSON.stringify({
          critical: {
            identity: { "docker-reference": "example.org/tool" },
            image: { "docker-manifest-digest": signing.digest },
            type: "cosign container image signature",
          },
          optional: null,
        }),
      );
      const signed = await enter(bytes, signing, (signature, key) => recordOf(bytes, signature, key));
      const annotations = {
        "dev.cosignproject.cosign/signature": signed.signature.toString("base64"),
        ...annotationsOf(signed),
      };
      return { mediaType: "application/vnd.dev.cosign.simplesigning.v1+json", bytes, annotations };
    },
  };
}

/** An entry of the kind `hashedrekord`. @param key or certificate, PEM in base64. */
function recordOf(bytes: Buffer, signature: Buffer, key: string): object {
  return {
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: hex(bytes) } },
      signature: { content: signature.toString("base64"), publicKey: { content: key } },
    },
  };
}

/** What Rekor answers (sigstore/rekor, openapi.yaml, LogEntry). */
interface Entry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logIndex: number;
  readonly logID: string;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly rootHash: string;
      readonly treeSize: number;
      readonly checkpoint: string;
    };
  };
}

function tlogEntry({ body, integratedTime, logIndex, logID, verification }: Entry, kind: string) {
  const proof = verification.inclusionProof;
  return {
    logIndex: `${logIndex}`,
    logId: { keyId: Buffer.from(logID, "hex").toString("base64") },
    kindVersion: { kind, version: "0.0.1" },
    integratedTime: `${integratedTime}`,
    inclusionPromise: { signedEntryTimestamp: verification.signedEntryTimestamp },
    inclusionProof: {
      logIndex: `${proof.logIndex}`,
      rootHash: Buffer.from(proof.rootHash, "hex").toString("base64"),
      treeSize: `${proof.treeSize}`,
      hashes: [],
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: body,
  };
}

function logOf(baseUrl: string, { publicKey }: KeyPair) {
  const rawBytes = publicKey.export({ type: "spki", format: "der" });
  return {
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: rawBytes.toString("base64"),
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor: { start: "2000-01-01T00:00:00Z" },
    },
    logId: { keyId: createHash("sha256").update(rawBytes).digest("base64") },
  };
}

function base64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("base64");
}

function hex(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
