/** What is found of attachments of attachments, and that memory holds no more of them than its limit. A registry in memory counts. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { SourceError } from "../../../../components/promotion/blobs/blob-copy.ts";
import { inShare } from "../../../../components/promotion/http/fair-share.ts";
import { WeightedSemaphore } from "../../../../components/promotion/http/weighted-semaphore.ts";
import { defaultAdmission, judgeAttachments } from "../../../../components/promotion/images/admitted-attachments.ts";
import { ExcessError, findAttachments } from "../../../../components/promotion/images/attachments.ts";
import { attachedIn } from "../../../../components/promotion/images/copy-image.ts";
import { proofOf } from "../../../../components/promotion/images/promotion-proof.ts";
import type { ImagesRun } from "../../../../components/promotion/images/run.ts";
import { verifyAttachments } from "../../../../components/promotion/images/verify-attachments.ts";
import { type Digest, digestOf } from "../../../../components/promotion/oci/digest.ts";
import { ociManifest, readManifest } from "../../../../components/promotion/oci/manifest.ts";
import { attachmentLimits } from "../../../../components/promotion/run/limits.ts";
import { promotionRecordType, summaryType } from "../../../../components/promotion/trust/promotion-statements.ts";
import { publicRoots, readRoots } from "../../../../components/promotion/trust/roots.ts";
import { MemoryRegistry } from "../../../support/memory-registry.ts";
import { keySigning } from "../../../support/signing.ts";
import { pemOf, testKeyPair, testSigstore } from "../../../support/sigstore.ts";

const digest = (text: string) => digestOf(Buffer.from(text));
describe("attachments of attachments", () => {
  const image = digest("image");
  const chained = (length: number, add: (registry: MemoryRegistry, subject: Digest, level: number) => Digest) => {
    const registry = new MemoryRegistry();
    const chain: Digest[] = [];
    for (let level = 1; level <= length; level++) chain.push(add(registry, chain.at(-1) ?? image, level));
    return { registry, chain };
  };
  const links: Readonly<Record<string, (registry: MemoryRegistry, subject: Digest, level: number) => Digest>> = {
    referrers: (registry, subject, level) => registry.attach(subject, [], { level: `${level}` }).digest,
    "cosign's tags": (registry, subject, level) => {
      const { digest } = registry.add(Buffer.from(`signature ${level}`));
      registry.tags.set(`${subject.replace(":", "-")}.${["sig", "att", "sbom"][level % 3]}`, digest);
      return digest;
    },
  };
  for (const [name, link] of Object.entries(links)) {
    for (const length of [1, 2, 15, 16])
      it(`a chain of ${length} by ${name} is found to its end, each after what it is attached to`, async () => {
        const { registry, chain } = chained(length, link);
        const found = await findAttachments(registry.at, [image], undefined);
        assert.deepEqual(
          found.map(({ subject, digest }) => [subject, digest]),
          chain.map((each, index) => [chain[index - 1] ?? image, each]),
        );
      });

    for (const length of [17, 18, 40])
      it(`a chain of ${length} by ${name} is refused as a whole, and what is beyond the limit is named`, async () => {
        const { registry, chain } = chained(length, link);
        await assert.rejects(findAttachments(registry.at, [image], undefined), (error) => {
          assert.ok(error instanceof ExcessError);
          assert.equal(error.message, `${chain[16]} is in a chain of more than 16 attachments of attachments`);
          return true;
        });
      });
  }

  it("a chain that one mirror alone has beyond the limit is an error, not a mirror that does not respond", async () => {
    const link = links["referrers"]!;
    const [short, long] = [chained(3, link), chained(17, link)];
    const run = { context: { signal: short.registry.at.signal } } as unknown as ImagesRun;
    const { found, isAll } = await attachedIn([short.registry.at], [image], run);
    assert.deepEqual([found.length, isAll], [3, true]);
    const both = attachedIn([short.registry.at, long.registry.at], [image], run);
    await assert.rejects(both, (error) => error instanceof SourceError && error.cause instanceof ExcessError);
  });

  it("tags that form a cycle end", async () => {
    const registry = new MemoryRegistry();
    const [one, two] = ["one", "two"].map((text) => registry.add(Buffer.from(text)).digest) as [Digest, Digest];
    for (const [subject, tagged] of [
      [image, one],
      [one, two],
      [two, one],
    ] as const)
      registry.tags.set(`${subject.replace(":", "-")}.sig`, tagged);
    const found = await findAttachments(registry.at, [image], undefined);
    assert.deepEqual(
      found.map((each) => each.digest),
      [one, two, one],
    );
  });

  it("1,000 are found, and one more is an error that says so", async () => {
    const registry = new MemoryRegistry();
    registry.referrers.set(
      image,
      Array.from({ length: 1000 }, (_, index) => digest(`${index}`)),
    );
    assert.equal((await findAttachments(registry.at, [image], undefined)).length, 1000);
    registry.referrers.get(image)!.push(digest("one more"));
    await assert.rejects(
      findAttachments(registry.at, [image], undefined),
      /more than 1000 signatures and attestations/,
    );
  });
});

describe("memory of attachments", () => {
  const images = Array.from({ length: 40 }, (_, index) => digest(`image ${index}`));

  it("OCI manifests of many digests, each with many attachments: requests in progress never accept more than the limit", async () => {
    const registry = new MemoryRegistry();
    const capacity = 8 * attachmentLimits.manifest;
    const memory = new WeightedSemaphore(capacity);
    const judged = await Promise.all(
      images.map((image) => {
        const attached = Array.from({ length: 20 }, (_, index) =>
          registry.attach(image, [Buffer.from("bundle")], { index: `${index}` }),
        );
        // Each in a share of its own: the part of the limit that is kept for new shares counts too.
        return inShare({}, () => judgeAttachments([registry.at], attached, defaultAdmission, memory));
      }),
    );
    assert.equal(judged.flatMap(({ admitted }) => admitted).length, 800, "all of them");
    assert.ok(registry.most <= capacity, `${registry.most} of ${capacity}`);
    assert.ok(registry.most > capacity / 2, "and they are read at the same time");
  });

  it("their content: no more bytes at a time than the limit, and of a statement that the policy does not read only the type is kept", async () => {
    const registry = new MemoryRegistry();
    const [sigstore, key] = [await testSigstore(), testKeyPair()];
    const padding = "x".repeat(100_000);
    const capacity = 1024 * 1024;
    const memory = new WeightedSemaphore(capacity);
    const [sbom, provenance] = ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"] as const;
    const statements = [
      { predicateType: sbom, key },
      { predicateType: provenance, key },
      { predicateType: provenance }, // by an identity that the policy does not name
    ];
    const verifications = await Promise.all(
      images.slice(0, 10).map(async (image) => {
        const bundles = await Promise.all(
          statements.map(async (statement) =>
            Buffer.from(await sigstore.bundle({ digest: image, ...statement, predicate: { padding } })),
          ),
        );
        const attached = bundles.map((bundle) => registry.attach(image, [bundle, bundle]));
        const { admitted } = await judgeAttachments([registry.at], attached, defaultAdmission, memory);
        return { image, admitted };
      }),
    );
    registry.most = 0;
    const trusted = { mode: "require", signers: [{ key: pemOf(key) }], predicates: [] } as const;
    const found = await Promise.all(
      verifications.map(({ image, admitted }) =>
        verifyAttachments(image, admitted, [registry.at], trusted, { roots: readRoots(sigstore.root), memory }),
      ),
    );
    assert.ok(registry.most <= capacity, `${registry.most} of ${capacity}`);
    assert.ok(registry.most > capacity / 2, "and they are read at the same time");
    for (const { attachments, read } of found) {
      const kept = attachments.map(({ verified }) =>
        verified.map(({ statement }) => [statement?.predicateType, Object.keys(statement!.predicate)]),
      );
      assert.deepEqual(kept, [
        [
          [sbom, []],
          [sbom, []],
        ],
        [
          [provenance, ["padding"]],
          [provenance, ["padding"]],
        ],
        [
          [provenance, []],
          [provenance, []],
        ],
      ]);
      const bytes = [...read.values()].reduce((sum, { length }) => sum + length, 0);
      assert.ok(bytes <= 256 * 1024, `${bytes}`);
    }
  });

  it("what looks like the promotion's proofs: no more bytes at a time than the limit", async () => {
    const registry = new MemoryRegistry();
    const capacity = 1024 * 1024;
    const memory = new WeightedSemaphore(capacity);
    const settings = keySigning({ key: "", policyFile: "" });
    const signer = { rule: { key: pemOf(testKeyPair()) }, sign: () => assert.fail("nothing is signed") };
    const proofs = await Promise.all(
      images.map(async (_, index) => {
        const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, layers: [], index }));
        const root = readManifest(content, digestOf(content), ociManifest);
        const attached = [summaryType, promotionRecordType(settings.host)].map((predicateType) =>
          registry.attach(root.digest, [Buffer.from(`{}${" ".repeat(200_000)}${index} ${predicateType}`)], {
            "dev.sigstore.bundle.predicateType": predicateType,
          }),
        );
        const { admitted } = await judgeAttachments(
          [registry.at],
          attached,
          defaultAdmission,
          new WeightedSemaphore(1e9),
        );
        assert.equal(admitted.length, 2);
        const what = {
          image: "app",
          tree: { root, manifests: [root], blobs: [] },
          tags: [],
          attached: admitted,
          sources: [registry.at],
          request: { project: "tool", prefix: "tool", staging: "" },
          settings,
          trust: { roots: publicRoots(), keys: [signer.rule.key] },
          memory,
          judge: async () => undefined,
        };
        return () => proofOf(what, signer, false);
      }),
    );
    registry.most = 0;
    assert.deepEqual(new Set(await Promise.all(proofs.map((proof) => proof()))), new Set([undefined]));
    assert.ok(registry.most <= capacity, `${registry.most} of ${capacity}`);
    assert.ok(registry.most > capacity / 2, "and they are read at the same time");
  });
});
