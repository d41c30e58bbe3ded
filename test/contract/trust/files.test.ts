/** Files under a trust policy: signed by the bundle beside each, or by a signed list of checksums. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { previewFiles, promoteFiles } from "../../../components/promotion/files/files.ts";
import { verifyProductionFiles } from "../../../components/promotion/files/verify-production-files.ts";
import type { Context, FilesRequest, TrustSettings } from "../../../components/promotion/run/request.ts";
import { publicRoots } from "../../../components/promotion/trust/roots.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { sha256 } from "../../support/registries.ts";
import {
  pemOf,
  type TestSigstore,
  testIdentity,
  testIssuer,
  testKeyPair,
  testSigstore,
} from "../../support/sigstore.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const hex = (content: string) => sha256(Buffer.from(content)).slice(7);

describe("trust: files", () => {
  let stores: ObjectStores;
  let sigstore: TestSigstore;
  let folder: string;
  let policy: TrustSettings;
  let world = 0;
  before(async () => {
    [stores, sigstore, folder] = [
      await startObjectStores(),
      await testSigstore(),
      await mkdtemp(join(tmpdir(), "artifacts-trust-files-")),
    ];
    const trustedRoot = join(folder, "trusted_root.json");
    await writeFile(trustedRoot, sigstore.root);
    policy = {
      mode: "require",
      signers: [{ identity: testIdentity, issuer: testIssuer }],
      predicates: [],
      trustedRoot,
    };
  });
  after(async () => {
    await stores.stop();
    await rm(folder, { recursive: true });
  });

  /** Stages files, in buckets of their own. */
  const staged = async (files: Record<string, string>, more: Partial<FilesRequest> = {}): Promise<FilesRequest> => {
    world++;
    const [staging, us] = [`trust-staging-${world}`, `trust-us-${world}`];
    for (const bucket of [staging, us]) await stores.makeBucket("gcs", bucket, { versioned: true });
    for (const [path, content] of Object.entries(files)) await stores.stage(staging, path, content);
    const lines = Object.entries(files).map(([path, content]) => `${path} sha256:${hex(content)}\n`);
    return {
      project: "tool",
      files: lines.sort().join(""),
      prefix: "tool",
      staging,
      removalShare: 0.5,
      mirrors: [{ name: "us", kind: "gcs", bucket: us, region: "us-central1" }],
      trust: policy,
      storage: { gcsEndpoint: `${stores.gcs}/storage/v1/` },
      ...more,
    };
  };
  const served = async ({ mirrors }: FilesRequest, path: string) =>
    (await stores.served(mirrors[0]!.bucket, `binaries/tool/${path}`))?.bytes.toString("utf8");
  const signed = (content: string, identity = testIdentity) => sigstore.fileBundle(Buffer.from(content), { identity });

  it("require: what is signed, or in a signed list, is promoted; the rest is refused by preview and run, each for its reason", async () => {
    const sums = `${hex("listed")}  listed\n${hex("else")}  elsewhere\n`;
    const files = {
      "v1/tool": "tool",
      "v1/tool.sigstore.json": await signed("tool"),
      "v1/listed": "listed",
      "v1/SHA256SUMS": sums,
      "v1/SHA256SUMS.sigstore.json": await signed(sums),
      "v1/unsigned": "unsigned",
      "v1/moved": "moved",
      "v1/moved.sigstore.json": await signed("tool"),
      "v1/foreign": "foreign",
      "v1/foreign.sigstore.json": await signed("foreign", "https://github.com/evil/tool"),
      "v2/listed": "listed",
    };
    const request = await staged(files);
    const required = `the trust policy of the project requires a signature by ${testIdentity}`;
    const refused = [
      `file v1/foreign sha256:${hex("foreign")}: ${required} (it is signed by https://github.com/evil/tool)`,
      `file v1/moved sha256:${hex("moved")}: ${required} (v1/moved.sigstore.json: it is about sha256:${hex("tool")})`,
      `file v1/unsigned sha256:${hex("unsigned")}: ${required}`,
      `file v2/listed sha256:${hex("listed")}: ${required}`,
    ];
    const preview = await previewFiles(request, undefined, context);
    assert.deepEqual(
      preview.errors,
      refused.map((each) => `project tool, ${each}`),
    );
    assert.match(preview.trust!.join("\n"), new RegExp(`^v1/tool: signed by ${testIdentity} at 20`, "m"));
    assert.match(preview.trust!.join("\n"), new RegExp(`^v1/listed: signed by ${testIdentity} at 20`, "m"));

    const { failures } = await promoteFiles(request, undefined, context);
    assert.deepEqual(
      failures,
      refused.map((each) => `project tool, ${each.replace(": ", ", mirror us: ")}`),
    );
    for (const [path, content] of Object.entries(files)) {
      const isRefused = refused.some((line) => line.startsWith(`file ${path} `));
      assert.equal(await served(request, path), isRefused ? undefined : content, path);
    }
  });

  it("warn says what is missing; what is in production is not asked again; a loosened policy counts from the next run", async () => {
    const request = await staged({ tool: "tool" }, { trust: { ...policy, mode: "warn" } });
    const preview = await previewFiles(request, undefined, context);
    assert.deepEqual(preview.errors, []);
    assert.match(preview.warnings.join("\n"), /file tool sha256:\w+: the trust policy of the project requires/);
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
    const strict = { ...request, trust: policy };
    assert.deepEqual((await previewFiles(strict, undefined, context)).errors, []);
    assert.deepEqual((await promoteFiles(strict, undefined, context)).failures, []);

    const loosened = await staged({ more: "more" }, { trust: undefined, formerTrust: policy });
    const { errors } = await previewFiles(loosened, undefined, context);
    assert.match(errors.join("\n"), /file more sha256:\w+: the trust policy before this change requires/);
    assert.equal((await promoteFiles(loosened, undefined, context)).failures.length, 1);
  });

  it("audit --verify: what a revoked signer signed is listed, by bundle and by list, and what cannot be read", async () => {
    const revoked = "https://github.com/example/tool/.github/workflows/old.yml@refs/heads/main";
    const sums = `${hex("listed")}  listed\n`;
    const files = {
      tool: "tool",
      "tool.sigstore.json": await signed("tool"),
      "old/tool": "old tool",
      "old/tool.sigstore.json": await signed("old tool", revoked),
      "old/listed": "listed",
      "old/SHA256SUMS": sums,
      "old/SHA256SUMS.sigstore.json": await signed(sums, revoked),
      "cut/tool": "cut tool",
      "cut/tool.sigstore.json": (await signed("cut tool")).slice(0, 500),
    };
    const both: TrustSettings = {
      ...policy,
      mode: "warn",
      signers: [...policy.signers, { identity: revoked, issuer: testIssuer }],
    };
    const request = await staged(files, { trust: both });
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
    const lines = async (trust: TrustSettings) => {
      const { verified, unverified, failures } = await verifyProductionFiles({ ...request, trust }, context);
      return { verified, failures, missing: unverified.map(({ line, missing }) => `${line}: ${missing.join("; ")}`) };
    };
    const notice = "the roots of https://tuf.example could not be refreshed";
    const old = async () => ({ roots: publicRoots(), notice });
    const aged = await verifyProductionFiles({ ...request, trust: both }, context, old);
    assert.deepEqual(aged.failures, [notice], "of files alone too");
    const before = await lines(both);
    assert.deepEqual([before.verified, before.failures, before.missing.length], [5, [], 1]);
    assert.match(before.missing[0]!, /^cut\/tool sha256:\w+: a signature by .*\(cut\/tool\.sigstore\.json: .*cut off/);
    const after = await lines(policy);
    assert.deepEqual(
      after.missing.map((line) => line.split(" ")[0]),
      ["cut/tool", "old/SHA256SUMS", "old/listed", "old/tool"],
    );
    for (const line of after.missing.slice(1)) assert.ok(line.endsWith(`(it is signed by ${revoked})`), line);

    await stores.stage(request.mirrors[0]!.bucket, "binaries/tool/tool.sigstore.json", "changed");
    assert.match(
      (await lines(policy)).failures.join("\n"),
      /project tool, us: tool sha256:\w+ cannot be verified: .*other content/,
    );
  });

  it("by key, with provenance as a second bundle in the same file", async () => {
    const key = testKeyPair();
    const slsa = "https://slsa.dev/provenance/v1";
    const digest = `sha256:${hex("tool")}`;
    const predicate = { buildDefinition: {}, runDetails: { builder: { id: "https://builder.example.org" } } };
    const bundles = [
      await sigstore.fileBundle(Buffer.from("tool"), { key }),
      await sigstore.bundle({ digest, key, predicateType: slsa, predicate }),
    ];
    const trust: TrustSettings = {
      ...policy,
      signers: [{ key: pemOf(key) }],
      provenance: { builders: ["https://builder.example.org"] },
      predicates: [slsa],
    };
    const both = await staged({ tool: "tool", "tool.sigstore.json": bundles.join("\n") }, { trust });
    assert.deepEqual((await promoteFiles(both, undefined, context)).failures, []);
    const one = await staged({ tool: "tool", "tool.sigstore.json": bundles[0]! }, { trust });
    const { failures } = await promoteFiles(one, undefined, context);
    assert.match(failures.join("\n"), /requires SLSA provenance signed by a key of the policy; an attestation of type/);
  });
});
