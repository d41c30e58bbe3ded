import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { fileProofOf } from "../../../../components/promotion/files/file-proof.ts";
import type { SignerRule } from "../../../../components/promotion/trust/policy.ts";
import { publicRoots, readRoots } from "../../../../components/promotion/trust/roots.ts";
import { signProof } from "../../../../components/promotion/trust/sign-proof.ts";
import { keySigning } from "../../../support/signing.ts";
import {
  pemOf,
  type TestSigstore,
  testIdentity,
  testIssuer,
  testKeyPair,
  testSigstore,
} from "../../../support/sigstore.ts";

const hex = "1".repeat(64);
const digest = `sha256:${hex}`;
const renamed = testIdentity.replace("release.yml", "deploy.yml");

describe("a proof of the promotion is verified before it is stored", () => {
  let sigstore: TestSigstore;
  let folder: string;
  const key = testKeyPair();
  before(async () => {
    [sigstore, folder] = [await testSigstore(), await mkdtemp(join(tmpdir(), "artifacts-sign-proof-"))];
    await writeFile(join(folder, "root.json"), sigstore.root);
    await writeFile(join(folder, "project.yaml"), "description: A tool.\n");
  });
  after(() => rm(folder, { recursive: true }));

  const trustedBy = (rule: SignerRule) =>
    "key" in rule ? { roots: publicRoots(), keys: [rule.key] } : { roots: readRoots(sigstore.root), keys: [] };
  const issuer = testIssuer;
  const cases: readonly {
    readonly what: string;
    readonly rule: SignerRule;
    /** What really signs, and about what. */
    readonly by: {
      readonly identity?: string;
      readonly issuer?: string;
      readonly key?: typeof key;
      readonly digest?: string;
    };
    readonly refusal?: RegExp;
  }[] = [
    { what: "the identity of artifacts:signing", rule: { identity: testIdentity, issuer }, by: {} },
    { what: "a pattern of it", rule: { identityPattern: "https://github.com/example/*", issuer }, by: {} },
    { what: "the key", rule: { key: pemOf(key) }, by: { key } },
    {
      what: "a renamed workflow",
      rule: { identity: testIdentity, issuer },
      by: { identity: renamed },
      refusal:
        /^Error: it was signed by https:\S+deploy\.yml@refs\/tags\/v1, which is not the identity of artifacts:signing/,
    },
    {
      what: "the identity by another issuer",
      rule: { identity: testIdentity, issuer },
      by: { issuer: "https://issuer.example.org" },
      refusal: /which is not the identity of artifacts:signing/,
    },
    {
      what: "another key",
      rule: { key: pemOf(testKeyPair()) },
      by: { key },
      refusal: /^Error: it was signed, but the roots and keys of artifacts:signing do not verify it: the signature/,
    },
    {
      what: "the key, about something else",
      rule: { key: pemOf(key) },
      by: { key, digest: `sha256:${"2".repeat(64)}` },
      refusal: /do not verify it: it is about sha256:2222/,
    },
  ];
  for (const { what, rule, by, refusal } of cases)
    it(`${what}: ${refusal ? "refused" : "as it was signed"}`, async () => {
      const made = await sigstore.bundle({ digest, ...by });
      const signed = signProof({ rule, sign: async () => made }, {}, digest, trustedBy(rule));
      if (refusal) await assert.rejects(signed, refusal);
      else assert.equal((await signed).toString(), made);
    });

  it("of a file: a renamed workflow's is refused, and the right one's is taken", async () => {
    const settings = {
      ...keySigning({ key: "", policyFile: join(folder, "project.yaml") }),
      trustedRoot: join(folder, "root.json"),
    };
    const proofBy = (identity: string) =>
      fileProofOf(
        {
          path: "v1/tool",
          sha256: hex,
          request: { project: "tool", prefix: "tool", staging: "staging" },
          settings,
          found: async function* () {},
          verify: async () => undefined,
        },
        true,
        async () => ({
          rule: { identity: testIdentity, issuer },
          sign: () => sigstore.bundle({ digest, identity }),
        }),
      );
    await assert.rejects(proofBy(renamed), /^Error: it was signed by \S+deploy\.yml\S+, which is not the identity/);
    assert.match((await proofBy(testIdentity))!.sha256, /^[0-9a-f]{64}$/);
  });
});
