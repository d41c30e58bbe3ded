import { createHash, createPublicKey, verify } from "node:crypto";
import type { RawKey } from "./raw-key.ts";

/** Algorithms whose signatures a bundle by key can have: over a SHA-256, and not PSS, which verifiers do not try. */
const algorithms = new Set([
  "EC_SIGN_P256_SHA256",
  "RSA_SIGN_PKCS1_2048_SHA256",
  "RSA_SIGN_PKCS1_3072_SHA256",
  "RSA_SIGN_PKCS1_4096_SHA256",
]);

/**
 * A key of Cloud KMS, which never leaves it (cloud.google.com/kms, REST v1: cryptoKeyVersions.getPublicKey, .asymmetricSign). It is sent the hash of
 * what it signs. Each signature is verified here, so a response that was damaged on its way, or is of another key, is an error.
 * @param version `projects/.../cryptoKeyVersions/1`.
 */
export async function cloudKey(version: string): Promise<RawKey> {
  const { GoogleAuth } = await import("google-auth-library");
  // The project is named, so that it is not asked for with another service.
  const [, projectId = ""] = version.split("/");
  const auth = new GoogleAuth({ projectId, scopes: ["https://www.googleapis.com/auth/cloudkms"] });
  const endpoint = process.env["ARTIFACTS_KMS_ENDPOINT"] ?? "https://cloudkms.googleapis.com";
  const ask = async <T>(what: string, path: string, data?: object): Promise<T> => {
    try {
      const request = { url: `${endpoint}/v1/${version}${path}`, timeout: 30_000, ...(data && { data }) };
      // To sign the same hash again does no harm.
      const retryConfig = { httpMethodsToRetry: ["GET", "POST"], retry: 3, noResponseRetries: 3 };
      const method = data === undefined ? "GET" : "POST";
      return (await auth.request<T>({ ...request, method, retry: true, retryConfig })).data;
    } catch (error) {
      throw new Error(`Cloud KMS: ${what} with ${version}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const { pem, algorithm } = await ask<{ pem: string; algorithm: string }>("read the public key", "/publicKey");
  if (!algorithms.has(algorithm))
    throw new Error(
      `Cloud KMS: ${version} is for ${algorithm}: artifacts:signing.kmsKey needs one of ${[...algorithms].join(", ")}`,
    );
  const publicKey = createPublicKey(pem);
  return {
    publicKey,
    sign: async (data) => {
      const digest = { sha256: createHash("sha256").update(data).digest("base64") };
      const answer = await ask<{ signature?: string }>("sign", ":asymmetricSign", { digest });
      const signature = Buffer.from(answer.signature ?? "", "base64");
      if (!verify("sha256", data, publicKey, signature))
        throw new Error(`Cloud KMS: the signature of ${version} is not valid: nothing is signed with it`);
      return signature;
    },
  };
}
