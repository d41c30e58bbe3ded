/** Finds what is attached to an image, as clients do: its signature and its referrers. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type ClientOptions, follow, type Hop } from "./follow.ts";
import { fetchManifest } from "./pull-image.ts";

/** A valid signature. */
export interface VerifiedSignature {
  readonly tag: string;
  /** Digest of the signature's own manifest. */
  readonly digest: string;
  readonly hops: readonly Hop[];
}

interface SignatureManifest {
  readonly layers: readonly { readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }[];
}

/**
 * Verifies the cosign signature of a digest with a public key (PEM). The signed payload must name this digest.
 * @param repository at the service at `base`, e.g. `semver/semver`.
 * @throws if there is no signature or none is valid.
 */
export async function verifySignature(
  base: string,
  repository: string,
  digest: string,
  publicKey: string,
  options: ClientOptions = {},
): Promise<VerifiedSignature> {
  const api = `${base.replace(/\/+$/, "")}/v2/${repository}`;
  const tag = `${digest.replace(":", "-")}.sig`;
  const manifest = await fetchManifest(api, tag, options);
  const key = createPublicKey(publicKey);
  for (const layer of (manifest.value as SignatureManifest).layers) {
    const signature = layer.annotations?.["dev.cosignproject.cosign/signature"];
    const { status, body } = await follow("GET", `${api}/blobs/${layer.digest}`, {}, options);
    const payload = Buffer.from(await body.arrayBuffer());
    if (status !== 200) throw new Error(`${api}/blobs/${layer.digest}: ${status}`);
    if (signature !== undefined && isValid(payload, signature, key, digest))
      return { tag, digest: manifest.digest, hops: manifest.hops };
  }
  throw new Error(`${repository}:${tag} has no valid signature of ${digest} by this key`);
}

function isValid(payload: Buffer, signature: string, key: KeyObject, digest: string): boolean {
  if (!verify(null, payload, key, Buffer.from(signature, "base64"))) return false;
  const { critical } = JSON.parse(payload.toString()) as { critical: { image: { "docker-manifest-digest": string } } };
  return critical.image["docker-manifest-digest"] === digest;
}

/** A manifest that refers to an image. */
export interface FoundReferrer {
  readonly digest: string;
  readonly artifactType: string;
}

/** Lists the referrers of a digest (distribution-spec, "Listing Referrers"). Throws if the service does not answer with a list. */
export async function readReferrers(
  base: string,
  repository: string,
  digest: string,
  options: ClientOptions = {},
): Promise<{ readonly referrers: readonly FoundReferrer[]; readonly hops: readonly Hop[] }> {
  const url = `${base.replace(/\/+$/, "")}/v2/${repository}/referrers/${digest}`;
  const { status, body, hops } = await follow(
    "GET",
    url,
    { accept: "application/vnd.oci.image.index.v1+json" },
    options,
  );
  const text = await body.text();
  if (status !== 200) throw new Error(`${url}: ${status} ${text.slice(0, 300)}`.trimEnd());
  const { manifests } = JSON.parse(text) as { manifests: readonly FoundReferrer[] };
  return { referrers: manifests.map(({ digest, artifactType }) => ({ digest, artifactType })), hops };
}
