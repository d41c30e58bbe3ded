import { constants, type KeyObject, publicDecrypt } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { RefusedError } from "./refused.ts";

/**
 * Whether a signature is valid for content with this SHA-256, without the content: a release file may have gigabytes, and its digest is proven when it is
 * copied. Node verifies signatures of content only.
 * @throws RefusedError for keys whose signatures are not over a SHA-256.
 */
export function verifyDigest(sha256: Buffer, key: KeyObject, signature: Buffer): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  try {
    if (type === "ec" && details?.namedCurve === "prime256v1")
      return p256.verify(signature, sha256, pointOf(key), { prehash: false, lowS: false, format: "der" });
    if (type === "rsa") {
      const padding = constants.RSA_PKCS1_PADDING;
      return publicDecrypt({ key, padding }, signature).equals(Buffer.concat([digestInfo, sha256]));
    }
  } catch {
    return false; // not a signature in shape
  }
  const name = details?.namedCurve === undefined ? type : `${type} (${details.namedCurve})`;
  throw new RefusedError(
    `its key, ${name}, signs bytes, of which only the digest is known: sign files with P-256 or RSA`,
  );
}

/** What RSASSA-PKCS1-v1_5 signs before a SHA-256 (RFC 8017, section 9.2, note 1). */
const digestInfo = Buffer.from("3031300d060960864801650304020105000420", "hex");

/** The uncompressed point of a key for P-256 (SEC 1, section 2.3.3). */
function pointOf(key: KeyObject): Uint8Array {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}
