import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { it } from "mocha";
import { verifyDigest } from "../../../../components/promotion/trust/verify-digest.ts";

const content = Buffer.from("a release");
const digest = createHash("sha256").update(content).digest();
const pairs = {
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  RSA: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

for (const [name, { privateKey, publicKey }] of Object.entries(pairs)) {
  it(`${name}: what Node signs verifies by its digest; another digest, another key and every changed byte do not`, () => {
    for (let round = 0; round < 3; round++) {
      const signature = sign("sha256", content, privateKey);
      assert.equal(verifyDigest(digest, publicKey, signature), true);
      assert.equal(verifyDigest(createHash("sha256").update("another").digest(), publicKey, signature), false);
      for (let at = 0; at < signature.length; at += 3) {
        const changed = Buffer.from(signature);
        changed[at]! ^= 1 << (round * 3);
        assert.equal(verifyDigest(digest, publicKey, changed), false, `byte ${at}`);
      }
    }
    const other = name === "RSA" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : pairs["P-256"];
    const stranger = name === "RSA" ? other.publicKey : generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    assert.equal(verifyDigest(digest, stranger, sign("sha256", content, privateKey)), false);
    for (const nothing of ["", "AAAA"])
      assert.equal(verifyDigest(digest, publicKey, Buffer.from(nothing, "base64")), false);
  });
}

it("keys whose signatures are not over a SHA-256 are refused by name", () => {
  const ed25519 = generateKeyPairSync("ed25519");
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
  assert.throws(
    () => verifyDigest(digest, ed25519.publicKey, sign(null, content, ed25519.privateKey)),
    /its key, ed25519, signs bytes, of which only the digest is known: sign files with P-256 or RSA/,
  );
  assert.throws(
    () => verifyDigest(digest, p384.publicKey, sign("sha384", content, p384.privateKey)),
    /its key, ec \(secp384r1\), signs bytes/,
  );
});
