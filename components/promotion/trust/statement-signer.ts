import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Signer as SigstoreSigner, Witness } from "@sigstore/sign";
import { cloudKey } from "./cloud-key.ts";
import type { SignerRule } from "./policy.ts";
import type { RawKey } from "./raw-key.ts";
import type { SigningSettings } from "./signing-settings.ts";

/** Signs statements as Sigstore bundles. */
export interface StatementSigner {
  /** Whose signature it makes: what this rule trusts is ours. */
  readonly rule: SignerRule;
  /** @param statement an in-toto statement. @returns the bundle's JSON. @throws Error, if it cannot be signed now. */
  sign(statement: object): Promise<string>;
}

/** Opens the signer that the settings name. Reads a key file, or asks Cloud KMS for the public key. @throws Error that says which. */
export async function openSigner(settings: SigningSettings): Promise<StatementSigner> {
  const { by, key } = settings;
  if (by === "keyless") return keylessSigner(settings);
  const raw = by === "kms" ? await cloudKey(key) : await localKey(key);
  const pem = raw.publicKey.export({ type: "spki", format: "pem" }).toString();
  const der = raw.publicKey.export({ type: "spki", format: "der" });
  const hint = createHash("sha256").update(der).digest("base64");
  const signer: SigstoreSigner = {
    sign: async (data) => ({
      signature: await raw.sign(data),
      key: { $case: "publicKey", publicKey: pem, hint },
    }),
  };
  return { rule: { key: pem }, sign: (statement) => bundle(statement, signer, []) };
}

async function localKey(file: string): Promise<RawKey> {
  let key: KeyObject;
  try {
    key = createPrivateKey(await readFile(file));
  } catch (error) {
    throw new Error(`artifacts:signing.keyFile: ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return { publicKey: createPublicKey(key), sign: async (data) => sign(algorithm, data, key) };
}

async function keylessSigner(settings: SigningSettings): Promise<StatementSigner> {
  const { CIContextProvider, FulcioSigner, RekorWitness, TSAWitness } = await import("@sigstore/sign");
  const { fulcio, rekor, timestamps, identity, issuer } = settings;
  const limits = { retry: 3, timeout: 30_000 };
  const witnesses: Witness[] = [
    ...(rekor === "" ? [] : [new RekorWitness({ rekorBaseURL: rekor, ...limits })]),
    ...(timestamps === "" ? [] : [new TSAWitness({ tsaBaseURL: timestamps, ...limits })]),
  ];
  const identityProvider = new CIContextProvider("sigstore");
  return {
    rule: identity.includes("*") ? { identityPattern: identity, issuer } : { identity, issuer },
    sign: async (statement) => {
      try {
        // A certificate of its own for each: they are valid for minutes, a run may take hours.
        const signer = new FulcioSigner({ fulcioBaseURL: fulcio, identityProvider, ...limits });
        return await bundle(statement, signer, witnesses);
      } catch (error) {
        throw new Error(`keyless signing: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

async function bundle(statement: object, signer: SigstoreSigner, witnesses: Witness[]): Promise<string> {
  const [{ DSSEBundleBuilder }, { bundleToJSON }] = await Promise.all([
    import("@sigstore/sign"),
    import("@sigstore/bundle"),
  ]);
  const builder = new DSSEBundleBuilder({ signer, witnesses });
  const data = Buffer.from(JSON.stringify(statement));
  const made = await builder.create({ data, type: "application/vnd.in-toto+json" });
  // Cosign compares a key's id with one of its own making, and skips signatures with another. The bundle has the hint once more.
  for (const signature of made.content.dsseEnvelope.signatures) signature.keyid = "";
  return JSON.stringify(bundleToJSON(made));
}
