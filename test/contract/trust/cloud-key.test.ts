/** A key of Cloud KMS signs what a promotion proves: against an emulation of its interface, with real signatures. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { publicRoots } from "../../../components/promotion/trust/roots.ts";
import { openSigner } from "../../../components/promotion/trust/statement-signer.ts";
import { verifyBundle } from "../../../components/promotion/trust/verify-bundle.ts";
import { type CloudKms, type KmsState, startCloudKms } from "../../support/cloud-kms.ts";
import { keySigning } from "../../support/signing.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const statement = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ name: "tool", digest: { sha256: digest.slice(7) } }],
  predicateType: "https://slsa.dev/verification_summary/v1",
  predicate: {},
};

describe("trust: a key of Cloud KMS", () => {
  let kms: CloudKms;
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  before(async () => {
    environment = { ...process.env };
    folder = await mkdtemp(join(tmpdir(), "artifacts-kms-"));
    kms = await startCloudKms(folder);
    process.env["GOOGLE_APPLICATION_CREDENTIALS"] = kms.credentials;
    process.env["ARTIFACTS_KMS_ENDPOINT"] = kms.endpoint;
  });
  after(async () => {
    process.env = environment;
    await kms.close();
    await rm(folder, { recursive: true });
  });
  const open = (version = kms.version) =>
    openSigner({ ...keySigning({ key: version, policyFile: "project.yaml" }), by: "kms" });

  it("signs the hash; the bundle verifies with the key that it gives, also after the service was busy", async () => {
    kms.state = "busy";
    const signer = await open();
    kms.state = "busy";
    const bundle = await signer.sign(statement);
    assert.ok("key" in signer.rule);
    const { signer: by } = verifyBundle(bundle, { digest }, { roots: publicRoots(), keys: [signer.rule.key] });
    assert.deepEqual(by, { key: signer.rule.key });
    assert.deepEqual(kms.asked.splice(0), [
      "GET /publicKey",
      "GET /publicKey",
      "POST /1:asymmetricSign",
      "POST /1:asymmetricSign",
    ]);
  });

  const refusals: readonly [KmsState, RegExp][] = [
    ["disabled", /^Error: Cloud KMS: sign with projects\/p\/.*\/1: .*FAILED_PRECONDITION/],
    ["denied", /^Error: Cloud KMS: sign with .*PERMISSION_DENIED/],
    ["damaged", /^Error: Cloud KMS: the signature of .* is not valid: nothing is signed with it/],
  ];
  for (const [state, message] of refusals)
    it(`refuses to sign when the key is ${state}, and says why`, async () => {
      kms.state = "enabled";
      const signer = await open();
      kms.state = state;
      await assert.rejects(signer.sign(statement), message);
    });

  it("refuses a key that does not exist, and one whose signatures verifiers do not read", async () => {
    kms.state = "enabled";
    await assert.rejects(open(kms.version.replace("promotions", "others")), /read the public key with .*NOT_FOUND/);
    kms.state = "other algorithm";
    await assert.rejects(
      open(),
      /is for EC_SIGN_P384_SHA384: artifacts:signing\.kmsKey needs one of EC_SIGN_P256_SHA256/,
    );
  });
});
