/**
 * Cloud KMS, as far as signing needs it, with real signatures. Its rules are those of the documentation (cloud.google.com/kms/docs/reference/rest/v1,
 * projects.locations.keyRings.cryptoKeys.cryptoKeyVersions; cloud.google.com/kms/docs/reference/rest/v1/CryptoKeyVersionAlgorithm):
 * - every request carries an access token; without one: 401 UNAUTHENTICATED;
 * - getPublicKey: `{name, pem, algorithm, protectionLevel}`; a version that does not exist: 404 NOT_FOUND;
 * - asymmetricSign takes the digest in the member of the key's own hash, else 400 INVALID_ARGUMENT, and signs the digest as it is;
 * - a version that is not ENABLED: 400 FAILED_PRECONDITION; without `cloudkms.cryptoKeyVersions.useToSign`: 403 PERMISSION_DENIED.
 */
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import { serveOnLoopback } from "./loopback-server.ts";

/** An emulation that runs. */
export interface CloudKms {
  readonly endpoint: string;
  /** A file of application default credentials, whose tokens it accepts. */
  readonly credentials: string;
  /** Its key, for P-256. */
  readonly version: string;
  /** What it does from now on. */
  state: KmsState;
  /** Requests that it answered. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** `damaged`: its signature is cut; `busy`: the next request gets a 503. */
export type KmsState = "enabled" | "disabled" | "denied" | "damaged" | "busy" | "other algorithm";

/** Starts one. @param folder for the credentials. */
export async function startCloudKms(folder: string): Promise<CloudKms> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const secret = Buffer.from(privateKey.export({ format: "jwk" }).d!, "base64url");
  const version = "projects/p/locations/us/keyRings/artifacts/cryptoKeys/promotions/cryptoKeyVersions/1";
  const asked: string[] = [];
  const respond = async (request: IncomingMessage): Promise<[number, object]> => {
    const { method, url = "" } = request;
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString("utf8");
    if (url === "/token")
      return [
        200,
        {
          access_token: "of the deploying identity",
          issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
          token_type: "Bearer",
          expires_in: 3600,
        },
      ];
    asked.push(`${method} ${url.slice(url.lastIndexOf("/"))}`);
    if (request.headers.authorization !== "Bearer of the deploying identity") return failure(401, "UNAUTHENTICATED");
    if (kms.state === "busy") {
      kms.state = "enabled";
      return failure(503, "UNAVAILABLE");
    }
    if (!url.startsWith(`/v1/${version}`)) return failure(404, "NOT_FOUND");
    const algorithm = kms.state === "other algorithm" ? "EC_SIGN_P384_SHA384" : "EC_SIGN_P256_SHA256";
    const pem = publicKey.export({ type: "spki", format: "pem" });
    if (method === "GET") return [200, { name: version, pem, algorithm, protectionLevel: "SOFTWARE" }];
    if (kms.state === "denied") return failure(403, "PERMISSION_DENIED");
    if (kms.state === "disabled") return failure(400, "FAILED_PRECONDITION");
    const { digest } = JSON.parse(body) as { digest?: { sha256?: string } };
    const hash = Buffer.from(digest?.sha256 ?? "", "base64");
    if (hash.length !== 32) return failure(400, "INVALID_ARGUMENT");
    const signature = Buffer.from(p256.sign(hash, secret, { prehash: false, lowS: false, format: "der" }));
    const sent = kms.state === "damaged" ? signature.subarray(0, 20) : signature;
    return [200, { name: version, signature: sent.toString("base64"), protectionLevel: "SOFTWARE" }];
  };
  const server = await serveOnLoopback((request, response) => {
    void respond(request).then(([status, body]) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  const endpoint = server.url;
  const [credentials, token] = [join(folder, "credentials.json"), join(folder, "token")];
  await writeFile(token, "a token of GitHub");
  await writeFile(
    credentials,
    JSON.stringify({
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `${endpoint}/token`,
      credential_source: { file: token },
    }),
  );
  const kms: CloudKms = { endpoint, credentials, version, state: "enabled", asked, close: server.close };
  return kms;
}

function failure(code: number, status: string): [number, object] {
  return [code, { error: { code, message: `${status}: as the documentation says`, status } }];
}
