import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { signingSettings } from "../../../components/manifests/signing-settings.ts";
import { signingFormat } from "../../../components/stack/signing-format.ts";

const stack = {
  trust: { mode: "off" as const },
  host: "artifacts.example.org",
  repository: "example/artifacts",
  manifests: "manifests",
};

/** What a project gets of a stack's setting. */
function settingsOf(signing: object) {
  return signingSettings({ name: "tool" }, { ...stack, signing: signingFormat.parse(signing) }).signing;
}

describe("settings of signing", () => {
  it("off: none", () => assert.equal(settingsOf({}), undefined));

  it("keyless: the public Sigstore, and the deploy workflow of main as the signer", () => {
    assert.deepEqual(settingsOf({ by: "keyless" }), {
      by: "keyless",
      key: "",
      fulcio: "https://fulcio.sigstore.dev",
      rekor: "https://rekor.sigstore.dev",
      timestamps: "",
      identity: "https://github.com/example/artifacts/.github/workflows/deploy.yml@refs/heads/main",
      issuer: "https://token.actions.githubusercontent.com",
      trustedRoot: "",
      host: "artifacts.example.org",
      repository: "example/artifacts",
      policyFile: "manifests/tool/project.yaml",
    });
  });

  it("kms: the key's version; key: the file", () => {
    const kmsKey = "projects/example-prod/locations/us/keyRings/artifacts/cryptoKeys/promotions/cryptoKeyVersions/1";
    assert.equal(settingsOf({ by: "kms", kmsKey })?.key, kmsKey);
    assert.equal(settingsOf({ by: "key", keyFile: "key.pem" })?.key, "key.pem");
  });

  for (const [wrong, message] of [
    [{ by: "gpg" }, /by must be off, keyless, kms or key/],
    [{ by: "key" }, /keyFile goes with by: key/],
    [{ by: "kms", keyFile: "x" }, /keyFile goes with by: key/],
    [{ by: "kms" }, /kmsKey goes with by: kms/],
    [{ by: "kms", kmsKey: "promotions" }, /kmsKey must be the full name of a key's version/],
    [{ by: "keyless", rekor: "" }, /keyless needs fulcio, and rekor or timestamps/],
    [{ by: "keyless", fulcio: "x" }, /fulcio must be a URL/],
    [{ by: "keyless", url: "x" }, /must be a map of by, keyFile, kmsKey, fulcio, rekor, timestamps, identity, issuer/],
  ] as const)
    it(`${JSON.stringify(wrong)} is refused`, () => {
      const { success, error } = signingFormat.safeParse(wrong);
      assert.ok(!success);
      assert.match(error.issues.map((issue) => issue.message).join("\n"), message);
    });
});
