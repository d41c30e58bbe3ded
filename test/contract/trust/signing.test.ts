/** The promotion's own proof: a verification summary and a record, signed once per digest, on the index and on each platform, in every mirror. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { attestImages } from "../../../components/promotion/images/attest-images.ts";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, ImagesRequest, TrustSettings } from "../../../components/promotion/run/request.ts";
import { publicRoots } from "../../../components/promotion/trust/roots.ts";
import type { SigningSettings } from "../../../components/promotion/trust/signing-settings.ts";
import { verifyBundle } from "../../../components/promotion/trust/verify-bundle.ts";
import { linesByTag } from "../../support/image-lines.ts";
import { type Pushed, Pusher, referrers, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { keySigning } from "../../support/signing.ts";
import { type KeyPair, pemOf, testIdentity, testIssuer, testKeyPair, testSigstore } from "../../support/sigstore.ts";

const summary = "https://slsa.dev/verification_summary/v1";
const record = "https://artifacts.example.org/promotion/v1";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

describe("the promotion's own proof", () => {
  let registries: TestRegistry[];
  let folder: string;
  let key: KeyPair;
  let signing: SigningSettings;
  const promotion = imagePromotion();
  const context: Context = { signal: new AbortController().signal, report: () => {} };
  before(async () => {
    // The second has no referrers API.
    registries = await Promise.all([startRegistry("olareg"), startRegistry("distribution")]);
    folder = await mkdtemp(join(tmpdir(), "artifacts-signing-"));
    key = testKeyPair();
    await writeFile(join(folder, "key.pem"), key.privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeFile(join(folder, "project.yaml"), "description: A tool.\n");
    signing = keySigning({ key: join(folder, "key.pem"), policyFile: join(folder, "project.yaml") });
  });
  after(async () => {
    await promotion.close();
    await Promise.all(registries.map((registry) => registry.remove()));
    await rm(folder, { recursive: true, force: true });
  });

  let projects = 0;
  const project = () => {
    const name = `s${projects++}`;
    const [first, second] = registries as [TestRegistry, TestRegistry];
    const at = { m0: { host: first.host, path: "m0" }, m1: { host: second.host, path: "m1" } } as const;
    const repository = (mirror: keyof typeof at) => `${at[mirror].path}/${name}/app`;
    return {
      name,
      staging: new Pusher(first.host, `staging/${name}/app`),
      mirror: new Pusher(first.host, `m0/${name}/app`),
      request: (images: Record<string, Pushed>, more: Partial<ImagesRequest> = {}): ImagesRequest => ({
        project: name,
        images: linesByTag(images),
        prefix: name,
        staging: `${first.host}/staging/${name}`,
        mirrors: [
          { name: "m0", repository: `${first.host}/m0` },
          { name: "m1", repository: `${second.host}/m1` },
        ],
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        signing,
        storage: {},
        ...more,
      }),
      referrers: (mirror: keyof typeof at, digest: string) =>
        referrers(at[mirror].host, repository(mirror), digest).then((found) => found.sort()),
      /** The proofs of a digest in a mirror: digest of the bundle, and what it says, by type. */
      proofs: async (mirror: keyof typeof at, digest: string, by: KeyPair = key) => {
        const base = `http://${at[mirror].host}/v2/${repository(mirror)}`;
        const found: Record<string, { readonly bundle: string; readonly says: Record<string, unknown> }> = {};
        for (const one of await referrers(at[mirror].host, repository(mirror), digest)) {
          const response = await fetch(`${base}/manifests/${one}`, { headers: { accept: manifestType } });
          const { layers, artifactType } = (await response.json()) as {
            layers: { digest: string }[];
            artifactType: string;
          };
          if (artifactType !== bundleType) continue;
          const text = await (await fetch(`${base}/blobs/${layers[0]!.digest}`)).text();
          const trust = { roots: publicRoots(), keys: [pemOf(by)] };
          // By key: what a certificate signed is the project's.
          if (!text.includes('"publicKey"')) continue;
          const { statement } = verifyBundle(text, { digest }, trust);
          found[statement!.predicateType] = { bundle: layers[0]!.digest, says: statement!.predicate };
        }
        return found;
      },
    };
  };
  const index = async (staging: Pusher) => {
    const children = [await staging.image(), await staging.image()];
    return { children, root: await staging.index(children) };
  };

  it("index and platforms have the same two bundles, in every mirror; what they say; the next run signs nothing", async () => {
    const { staging, request, proofs, referrers, name } = project();
    const { root, children } = await index(staging);
    const outcome = await promotion.promote(request({ v1: root }), undefined, context);
    assert.deepEqual(outcome.failures, []);
    const proof = await proofs("m0", root.digest);
    assert.deepEqual(Object.keys(proof).sort(), [record, summary]);
    for (const mirror of ["m0", "m1"] as const)
      for (const { digest } of [root, ...children]) {
        const other = await proofs(mirror, digest);
        for (const type of [summary, record])
          assert.equal(other[type]?.bundle, proof[type]!.bundle, `${mirror} ${type}`);
      }
    const { timeVerified, policy, ...says } = proof[summary]!.says;
    assert.match(String(timeVerified), /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(JSON.stringify(policy), /project\.yaml","digest":\{"sha256":"[0-9a-f]{64}"\}/);
    assert.deepEqual(says, {
      verifier: { id: "https://github.com/example/artifacts" },
      resourceUri: `oci://artifacts.example.org/${name}/app`,
      inputAttestations: [],
      verificationResult: "PASSED",
      verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED"],
      slsaVersion: "1.1",
    });
    assert.equal(proof[record]!.says["source"], `oci://${registries[0]!.host}/staging/${name}/app`);

    const before = await referrers("m0", root.digest);
    const again = await promotion.promote(request({ v1: root }), undefined, context);
    assert.deepEqual(again.failures, []);
    assert.deepEqual(await referrers("m0", root.digest), before);
  });

  it("a run that was killed before the tags is completed: with the proof that it left, or with one", async () => {
    const { staging, mirror, request, proofs, referrers } = project();
    const [{ root }, { root: other }] = [await index(staging), await index(staging)];
    const whole = request({ v1: root });
    await promotion.promote({ ...whole, mirrors: [whole.mirrors[0]!] }, undefined, context);
    const left = await proofs("m0", root.digest);
    const complete = await referrers("m0", root.digest);
    // As the killed run left it: one proof of two, and no tag.
    const base = `http://${registries[0]!.host}/v2/m0/${request({}).project}/app/manifests`;
    for (const reference of ["v1", complete[0]!]) await fetch(`${base}/${reference}`, { method: "DELETE" });
    // And one without any: all but its attachments and tag.
    const only = await mirror.index([await mirror.image(), await mirror.image()]);
    const outcome = await promotion.promote(request({ v1: root, v2: other, v3: only }), undefined, context);
    assert.deepEqual(outcome.failures, []);
    const now = await proofs("m1", root.digest);
    const kept = [summary, record].filter((type) => now[type]!.bundle === left[type]!.bundle);
    assert.ok(kept.length >= 1, "the proof that was there is taken");
    assert.equal((await referrers("m0", root.digest)).length, 2);
    for (const digest of [other.digest, only.digest])
      for (const place of ["m0", "m1"] as const)
        assert.deepEqual(Object.keys(await proofs(place, digest)).sort(), [record, summary], `${place} ${digest}`);
  });

  it("what was promoted unsigned stays so, also in a new mirror, until it is attested", async () => {
    const { staging, request, referrers, proofs } = project();
    const image = await staging.image();
    const unsigned = request({ v1: image }, { signing: undefined });
    const one = { ...unsigned, mirrors: [unsigned.mirrors[0]!] };
    assert.deepEqual((await promotion.promote(one, undefined, context)).failures, []);
    const signed = request({ v1: image });
    const filled = await promotion.promote(signed, { request: one, incomplete: {} }, context);
    assert.deepEqual(filled.failures, []);
    assert.deepEqual([await referrers("m0", image.digest), await referrers("m1", image.digest)], [[], []]);

    const attested = await attestImages(signed, promotion.promote, context);
    assert.deepEqual(attested.failures, []);
    const [first, second] = [await proofs("m0", image.digest), await proofs("m1", image.digest)];
    assert.deepEqual(Object.keys(first).sort(), [record, summary]);
    assert.deepEqual(second, first);
    await attestImages(signed, promotion.promote, context);
    assert.deepEqual(await proofs("m0", image.digest), first, "once");
  });

  it("what others attach as if it were ours is not ours", async () => {
    const { staging, request, proofs, referrers } = project();
    const image = await staging.image();
    const forged = await (await testSigstore()).bundle({
      digest: image.digest,
      key: testKeyPair(),
      predicateType: summary,
      predicate: { resourceUri: `oci://artifacts.example.org/${request({}).project}/app` },
    });
    const fake = await staging.manifest({
      mediaType: manifestType,
      artifactType: bundleType,
      config: { ...(await staging.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
      layers: [{ ...(await staging.blob(Buffer.from(forged))), mediaType: bundleType }],
      subject: image,
      annotations: {
        "dev.sigstore.bundle.predicateType": summary,
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
      },
    });
    assert.deepEqual((await promotion.promote(request({ v1: image }), undefined, context)).failures, []);
    const found = await referrers("m0", image.digest);
    assert.ok(found.includes(fake.digest));
    assert.equal(found.length, 3);
    await assert.rejects(proofs("m0", image.digest), /the signature is not valid/);
  });

  it("levels only as verified, with the attestations that they rest on", async () => {
    const { staging, request, proofs } = project();
    const sigstore = await testSigstore();
    await writeFile(join(folder, "trusted_root.json"), sigstore.root);
    const slsa = "https://slsa.dev/provenance/v1";
    const image = await staging.image();
    const { digest } = image;
    const attach = async (bundle: string, predicate: string) =>
      staging.manifest({
        mediaType: manifestType,
        artifactType: bundleType,
        config: { ...(await staging.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
        layers: [{ ...(await staging.blob(Buffer.from(bundle))), mediaType: bundleType }],
        subject: image,
        annotations: { "dev.sigstore.bundle.predicateType": predicate },
      });
    const builder = "https://github.com/actions/runner";
    const predicate = { buildDefinition: {}, runDetails: { builder: { id: builder } } };
    const provenance = await attach(await sigstore.bundle({ digest, predicateType: slsa, predicate }), slsa);
    const signature = await attach(await sigstore.bundle({ digest }), "https://sigstore.dev/cosign/sign/v1");
    const trust: TrustSettings = {
      mode: "require",
      signers: [{ identity: testIdentity, issuer: testIssuer }],
      provenance: { builders: [builder] },
      predicates: [],
      trustedRoot: join(folder, "trusted_root.json"),
    };
    assert.deepEqual((await promotion.promote(request({ v1: image }, { trust }), undefined, context)).failures, []);
    const says = (await proofs("m1", digest))[summary]!.says;
    assert.deepEqual(says["verifiedLevels"], ["SLSA_BUILD_LEVEL_2"]);
    const inputs = (says["inputAttestations"] as { digest: { sha256: string } }[]).map(
      (each) => `sha256:${each.digest.sha256}`,
    );
    assert.deepEqual(inputs.sort(), [provenance.digest, signature.digest].sort());

    const bare = await staging.image();
    const warn: TrustSettings = { ...trust, mode: "warn" };
    const more = request({ v1: image, v2: bare }, { trust: warn });
    assert.deepEqual(
      (await promotion.promote(more, { request: request({ v1: image }), incomplete: {} }, context)).failures,
      [],
    );
    const failed = (await proofs("m1", bare.digest))[summary]!.says;
    assert.deepEqual([failed["verificationResult"], failed["verifiedLevels"]], ["FAILED", ["FAILED"]]);
  });

  it("what cannot be signed is not promoted, and the next run does both", async () => {
    const { staging, request, proofs } = project();
    const image = await staging.image();
    const broken = { ...signing, key: join(folder, "none.pem") };
    const outcome = await promotion.promote(request({ v1: image }, { signing: broken }), undefined, context);
    assert.equal(outcome.failures.length, 1);
    assert.match(outcome.failures[0]!, /artifacts:signing\.keyFile: .*none\.pem: ENOENT/);
    const request2 = request({ v1: image });
    const previous = { request: request2, incomplete: outcome.incomplete };
    assert.deepEqual((await promotion.promote(request2, previous, context)).failures, []);
    assert.deepEqual(Object.keys(await proofs("m1", image.digest)).sort(), [record, summary]);
  });
});
