/** The catalogue reads what is attached to an image once, though it describes and verifies it, and within the limit of memory. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { AttachedContent } from "../../../../components/promotion/catalogue/attached-content.ts";
import { describeImage } from "../../../../components/promotion/catalogue/describe-image.ts";
import { verifyUnder } from "../../../../components/promotion/catalogue/verify-entry.ts";
import { inShare } from "../../../../components/promotion/http/fair-share.ts";
import { WeightedSemaphore } from "../../../../components/promotion/http/weighted-semaphore.ts";
import type { Digest } from "../../../../components/promotion/oci/digest.ts";
import { attachmentLimits } from "../../../../components/promotion/run/limits.ts";
import { MemoryRegistry } from "../../../support/memory-registry.ts";
import { pemOf, testKeyPair, testSigstore } from "../../../support/sigstore.ts";

const provenance = "https://slsa.dev/provenance/v1";

describe("the catalogue's description of an image", () => {
  it("reads each OCI manifest and each bundle once, and verifies what it has read; no more at a time than the limit", async () => {
    const registry = new MemoryRegistry();
    const [sigstore, key] = [await testSigstore(), testKeyPair()];
    const memory = new WeightedSemaphore(4 * attachmentLimits.manifest);
    const images = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const image = registry.image(`${index}`);
        const bundles = [
          await sigstore.bundle({ digest: image, key }),
          await sigstore.bundle({ digest: image, key, predicateType: provenance, predicate: {} }),
        ];
        const types = ["https://sigstore.dev/cosign/sign/v1", provenance];
        for (const [at, bundle] of bundles.entries())
          registry.attach(image, [Buffer.from(bundle)], { "dev.sigstore.bundle.predicateType": types[at]! });
        return image;
      }),
    );
    const trust = { mode: "warn" as const, signers: [{ key: pemOf(key) }], predicates: [], trustedRoot: "" };
    const policy = { trust, said: { policy: "https://example.org/project.yaml", policySha256: "0".repeat(64) } };
    const parts = new Set<string>();
    const described = await Promise.all(
      images.map((image) =>
        inShare({}, async () => {
          const verify = (attached: AttachedContent) => {
            for (const digest of attached.manifests.keys()) parts.add(digest);
            return verifyUnder(policy, image, registry.at, attached, memory);
          };
          return await describeImage(registry.at, "app", image, undefined, memory, verify);
        }),
      ),
    );
    for (const { facts, verification } of described) {
      assert.equal(facts.signatures.length + facts.attestations.length, 2);
      assert.equal((await verification)?.isSatisfied, true);
    }
    const times = Map.groupBy(registry.read, (each) => each);
    const twice = [...times].filter(([, all]) => all.length > 1).map(([each]) => each);
    assert.deepEqual(
      twice.filter((each) => !each.startsWith("referrers ")),
      [],
    );
    assert.equal(parts.size, 24);
    for (const digest of parts as Set<Digest>) assert.ok(times.has(`manifests ${digest}`));
    assert.ok(registry.most > attachmentLimits.manifest, "they are read at the same time");
  });

  it("without a policy nothing is verified, and the bundles are read once", async () => {
    const registry = new MemoryRegistry();
    const [sigstore, key] = [await testSigstore(), testKeyPair()];
    const image = registry.image("one");
    registry.attach(image, [Buffer.from(await sigstore.bundle({ digest: image, key }))]);
    const memory = new WeightedSemaphore(attachmentLimits.manifest);
    const { facts, verification } = await describeImage(registry.at, "app", image, undefined, memory, undefined);
    assert.deepEqual(
      [facts.signatures, verification],
      [[{ attached: "referrer", format: "sigstore", logged: false }], undefined],
    );
  });

  it("more OCI manifests than may be published are refused before they fill the memory", async () => {
    const registry = new MemoryRegistry();
    const image = registry.image("many");
    for (let index = 0; index < 4; index++)
      registry.attach(image, [], { padding: "x".repeat(900_000), index: `${index}` });
    const memory = new WeightedSemaphore(attachmentLimits.manifest);
    await assert.rejects(
      describeImage(registry.at, "app", image, undefined, memory, undefined),
      /OCI manifests of its attachments have more than 2\.0 MiB/,
    );
  });
});
