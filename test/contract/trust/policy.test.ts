/** The trust policy of a project: what is signed by whom it names is promoted, what is not is refused in the preview and in the run. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import { verifyProduction } from "../../../components/promotion/images/verify-production.ts";
import type { Context, ImagesRequest, Previous, TrustSettings } from "../../../components/promotion/run/request.ts";
import { linesByTag } from "../../support/image-lines.ts";
import { inspect, type Pushed, Pusher, referrers, startRegistry, type TestRegistry } from "../../support/registries.ts";
import {
  pemOf,
  type SignedLayer,
  type TestSigstore,
  testIdentity,
  testIssuer,
  testKeyPair,
  testSigstore,
} from "../../support/sigstore.ts";

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const slsa = "https://slsa.dev/provenance/v1";

describe("trust policy", () => {
  let registry: TestRegistry;
  let sigstore: TestSigstore;
  let stranger: TestSigstore;
  let folder: string;
  let policy: TrustSettings;
  const promotion = imagePromotion();
  const context: Context = { signal: new AbortController().signal, report: () => {} };
  before(async () => {
    registry = await startRegistry("olareg");
    [sigstore, stranger] = [await testSigstore(), await testSigstore()];
    folder = await mkdtemp(join(tmpdir(), "artifacts-trust-"));
    const trustedRoot = join(folder, "trusted_root.json");
    await writeFile(trustedRoot, sigstore.root);
    const signers = [{ identityPattern: "https://github.com/example/tool/*@refs/tags/*", issuer: testIssuer }];
    policy = { mode: "require", signers, predicates: [], trustedRoot };
  });
  after(async () => {
    await promotion.close();
    await registry.remove();
    await rm(folder, { recursive: true, force: true });
  });

  let projects = 0;
  const project = () => {
    const name = `t${projects++}`;
    const staging = new Pusher(registry.host, `staging/${name}/app`);
    return {
      staging,
      request: (images: Record<string, Pushed>, trust: TrustSettings = policy): ImagesRequest => ({
        project: name,
        images: linesByTag(images),
        prefix: name,
        staging: `${registry.host}/staging/${name}`,
        mirrors: ["m0", "m1"].map((mirror) => ({ name: mirror, repository: `${registry.host}/${mirror}` })),
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        trust,
        storage: {},
      }),
      tags: async (mirror = "m1") => (await inspect(registry.host, `${mirror}/${name}/app`)).tags,
      referrers: (digest: string) => referrers(registry.host, `m1/${name}/app`, digest),
    };
  };
  /** Puts layers of cosign's older format under the tag of a subject. */
  const attach = async (staging: Pusher, subject: Pushed, suffix: string, layers: readonly SignedLayer[]) => {
    const config = await staging.blob(Buffer.from(JSON.stringify({ architecture: "", os: "", config: {} })));
    const described = [];
    for (const { bytes, mediaType, annotations } of layers)
      described.push({ ...(await staging.blob(bytes)), mediaType, annotations });
    const content = {
      mediaType: manifestType,
      config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" },
      layers: described,
    };
    return staging.manifest(content, [`${subject.digest.replace(":", "-")}.${suffix}`]);
  };
  /** Attaches a bundle as a referrer. */
  const refer = async (staging: Pusher, subject: Pushed, bundle: string, predicate: string) => {
    const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    return staging.manifest({
      mediaType: manifestType,
      artifactType: type,
      config: { ...(await staging.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
      layers: [{ ...(await staging.blob(Buffer.from(bundle))), mediaType: type }],
      subject,
      annotations: { "dev.sigstore.bundle.predicateType": predicate },
    });
  };
  const provenance = (source: string, builder = "https://github.com/actions/runner") => ({
    buildDefinition: {
      buildType: "https://actions.github.io/buildtypes/workflow/v1",
      externalParameters: {
        workflow: { repository: source, ref: "refs/tags/v1", path: ".github/workflows/release.yml" },
      },
      resolvedDependencies: [{ uri: `git+${source}@refs/tags/v1`, digest: { gitCommit: "c0ffee" } }],
    },
    runDetails: { builder: { id: builder } },
  });

  it("require: a signed image is shown with its signer, and promoted with its signature", async () => {
    const { staging, request, tags, referrers } = project();
    const [old, bundled] = [await staging.image(), await staging.image()];
    const signature = await attach(staging, old, "sig", [await sigstore.signature({ digest: old.digest })]);
    const sign = "https://sigstore.dev/cosign/sign/v1";
    const referrer = await refer(staging, bundled, await sigstore.bundle({ digest: bundled.digest }), sign);
    const preview = await promotion.preview(request({ v1: old, v2: bundled }), undefined, context);
    assert.deepEqual([preview.errors, preview.warnings], [[], []]);
    assert.deepEqual(
      preview.attachments,
      [
        `+ signature ${signature.digest} of app:v1 by ${testIdentity}`,
        `+ signature ${referrer.digest} of app:v2 by ${testIdentity}`,
      ].sort(),
    );
    assert.equal(preview.trust?.length, 2);
    assert.match(
      preview.trust![0]!,
      new RegExp(`^app:v1: signed by ${testIdentity} at 20.*Z, logged in https://rekor\\.example\\.org #\\d+$`),
    );
    const outcome = await promotion.promote(request({ v1: old, v2: bundled }), undefined, context);
    assert.deepEqual(outcome.failures, []);
    assert.equal((await tags())[`${old.digest.replace(":", "-")}.sig`], signature.digest);
    assert.deepEqual(await referrers(bundled.digest), [referrer.digest]);
  });

  it("trust 2: what is unsigned, forged, of another image or by somebody else is refused by preview and run, each for its reason", async () => {
    const { staging, request, tags } = project();
    const images = {
      unsigned: await staging.image(),
      forged: await staging.image(),
      moved: await staging.image(),
      foreign: await staging.image(),
      good: await staging.image(),
    };
    const pem = await stranger
      .certificate(testKeyPair().publicKey, testIdentity, testIssuer)
      .then(
        (der) =>
          `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
      );
    const layer = await sigstore.signature({ digest: images.forged.digest });
    const annotations = {
      "dev.cosignproject.cosign/signature": "AAAA",
      "dev.sigstore.cosign/certificate": pem,
      "dev.sigstore.cosign/bundle": "{}",
    };
    await attach(staging, images.forged, "sig", [{ ...layer, annotations }]);
    await attach(staging, images.moved, "sig", [await sigstore.signature({ digest: images.good.digest })]);
    const evil = "https://github.com/evil/tool/.github/workflows/release.yml@refs/tags/v1";
    await attach(staging, images.foreign, "sig", [
      await sigstore.signature({ digest: images.foreign.digest, identity: evil }),
    ]);
    await attach(staging, images.good, "sig", [await sigstore.signature({ digest: images.good.digest })]);

    const preview = await promotion.preview(request(images), undefined, context);
    const required =
      "the trust policy of the project requires a signature by https://github.com/example/tool/*@refs/tags/*";
    for (const tag of ["unsigned", "forged", "moved"] as const)
      assert.ok(
        preview.errors.some((line) => line.endsWith(`image app:${tag} ${images[tag].digest}: ${required}`)),
        tag,
      );
    assert.ok(preview.errors.some((line) => line.endsWith(`${required} (it is signed by ${evil})`)));
    assert.equal(preview.errors.length, 4, preview.errors.join("\n"));
    const shown = preview.attachments!.join("\n");
    assert.match(shown, /of app:forged, not verified: its log entry has no body, promise or log/);
    assert.match(shown, new RegExp(`of app:moved, not verified: it is about ${images.good.digest}`));

    const outcome = await promotion.promote(request(images), undefined, context);
    assert.equal(outcome.failures.length, 4, outcome.failures.join("\n"));
    for (const line of outcome.failures) assert.match(line, /the trust policy of the project requires a signature by/);
    assert.deepEqual(
      Object.keys(await tags()).filter((tag) => !tag.startsWith("sha256-")),
      ["good"],
    );
  });

  it("provenance and predicates: what is missing is named, a change of the builder is a warning", async () => {
    const { staging, request } = project();
    const strict: TrustSettings = {
      ...policy,
      provenance: { sources: ["https://github.com/example/*"] },
      predicates: ["https://spdx.dev/Document"],
    };
    const release = async (source: string, builder?: string) => {
      const image = await staging.image();
      const { digest } = image;
      await attach(staging, image, "sig", [await sigstore.signature({ digest })]);
      const says = provenance(source, builder);
      await refer(staging, image, await sigstore.bundle({ digest, predicateType: slsa, predicate: says }), slsa);
      const spdx = await sigstore.attestation({ digest, predicateType: "https://spdx.dev/Document" });
      await attach(staging, image, "att", [spdx]);
      return image;
    };
    const first = await release("https://github.com/example/tool");
    const wrong = await release("https://github.com/evil/tool");
    const bare = await staging.image();
    await attach(staging, bare, "sig", [await sigstore.signature({ digest: bare.digest })]);
    const before = request({ "v1.0.0": first }, strict);
    const preview = await promotion.preview(request({ "v1.0.0": first, wrong, bare }, strict), undefined, context);
    assert.match(
      preview.trust!.join("\n"),
      /app:v1\.0\.0: built by https:\/\/github\.com\/actions\/runner with \.github\/workflows\/release\.yml from https:\/\/github\.com\/example\/tool refs\/tags\/v1 \(c0ffee\); says https:/,
    );
    assert.equal(preview.errors.length, 2, preview.errors.join("\n"));
    const said = preview.errors.join("\n");
    assert.match(
      said,
      /app:wrong .*requires SLSA provenance signed by .*: its source is https:\/\/github\.com\/evil\/tool/,
    );
    assert.match(
      said,
      /app:bare .*requires SLSA provenance .*; an attestation of type https:\/\/spdx\.dev\/Document signed/,
    );

    assert.deepEqual((await promotion.promote(before, undefined, context)).failures, []);
    const previous: Previous<ImagesRequest> = { request: before, incomplete: {} };
    const second = await release("https://github.com/example/other", "https://builder.example.org");
    const next = await promotion.preview(request({ "v1.0.0": first, "v1.1.0": second }, strict), previous, context);
    assert.deepEqual(next.errors, []);
    const changes = next.warnings.join("\n");
    assert.match(
      changes,
      /another builder: https:\/\/builder\.example\.org in place of https:\/\/github\.com\/actions\/runner, compared with v1\.0\.0/,
    );
    assert.match(
      changes,
      /another repository: https:\/\/github\.com\/example\/other in place of https:\/\/github\.com\/example\/tool/,
    );
  });

  it("warn says what is missing, and promotes", async () => {
    const { staging, request, tags } = project();
    const image = await staging.image();
    const warn: TrustSettings = { ...policy, mode: "warn" };
    const preview = await promotion.preview(request({ v1: image }, warn), undefined, context);
    assert.deepEqual(preview.errors, []);
    assert.match(
      preview.warnings.join("\n"),
      /image app:v1 .*: the trust policy of the project requires a signature by/,
    );
    assert.match(preview.trust!.join("\n"), /^app:v1: missing: a signature by/);
    assert.deepEqual((await promotion.promote(request({ v1: image }, warn), undefined, context)).failures, []);
    assert.deepEqual(await tags(), { v1: image.digest });
  });

  it("a key in place of an identity", async () => {
    const { staging, request } = project();
    const [key, other] = [testKeyPair(), testKeyPair()];
    const [image, wrong] = [await staging.image(), await staging.image()];
    await attach(staging, image, "sig", [await sigstore.signature({ digest: image.digest, key })]);
    await attach(staging, wrong, "sig", [await sigstore.signature({ digest: wrong.digest, key: other })]);
    const byKey: TrustSettings = { ...policy, signers: [{ key: pemOf(key) }] };
    const preview = await promotion.preview(request({ v1: image, wrong }, byKey), undefined, context);
    assert.equal(preview.errors.length, 1);
    assert.match(preview.errors[0]!, /app:wrong .*requires a signature by a key of the policy/);
    assert.match(preview.trust!.join("\n"), /^app:v1: signed by a trusted key, in no log$/m);
  });

  it("a policy that is loosened is not used by the run that loosens it, in preview and run; the next one uses it", async () => {
    const { staging, request, tags } = project();
    const image = await staging.image();
    const other: TrustSettings = { ...policy, signers: [{ identity: "x@example.org", issuer: testIssuer }] };
    const bySigner = await staging.image();
    await attach(staging, bySigner, "sig", [await sigstore.signature({ digest: bySigner.digest })]);
    for (const [images, trust] of [
      [{ v1: image }, { ...policy, mode: "off" }],
      [{ v1: image }, { ...policy, mode: "warn" }],
      [{ v1: image }, undefined],
      [{ v1: bySigner }, policy],
    ] as const) {
      const { trust: _, ...bare } = request(images);
      const judged: ImagesRequest = {
        ...bare,
        ...(trust && { trust }),
        formerTrust: trust === policy ? other : policy,
      };
      const { errors } = await promotion.preview(judged, undefined, context);
      assert.match(errors.join(), /the trust policy before this change requires a signature by .*takes two changes/);
      const outcome = await promotion.promote(judged, undefined, context);
      assert.match(outcome.failures.join(), /the trust policy before this change requires/);
      assert.deepEqual(await tags(), {});
    }
    const both = { ...request({ v1: bySigner }), formerTrust: { ...policy, predicates: [] } };
    assert.deepEqual((await promotion.preview(both, undefined, context)).errors, []);
    assert.deepEqual((await promotion.promote(both, undefined, context)).failures, []);
  });

  it("what is in production already is adopted, repaired and brought to new mirrors without being asked", async () => {
    const { staging, request, tags } = project();
    const image = await staging.image();
    const off: TrustSettings = { ...policy, mode: "off" };
    const both = request({ v1: image }, off);
    await promotion.promote({ ...both, mirrors: [both.mirrors[0]!] }, undefined, context);
    const preview = await promotion.preview(request({ v1: image }), undefined, context);
    assert.deepEqual(preview.errors, []);
    assert.deepEqual((await promotion.promote(request({ v1: image }), undefined, context)).failures, []);
    assert.deepEqual(await tags(), { v1: image.digest });
  });

  it("production verified again: a signer who left the policy is named with what he signed", async () => {
    const { staging, request } = project();
    const [release, nightly, bare] = [await staging.image(), await staging.image(), await staging.image()];
    const other = "https://github.com/example/tool/.github/workflows/nightly.yml@refs/heads/main";
    await attach(staging, release, "sig", [await sigstore.signature({ digest: release.digest })]);
    await attach(staging, nightly, "sig", [await sigstore.signature({ digest: nightly.digest, identity: other })]);
    const off: TrustSettings = { ...policy, mode: "off" };
    const images = { bare, nightly, release };
    assert.deepEqual((await promotion.promote(request(images, off), undefined, context)).failures, []);
    const both: TrustSettings = {
      ...policy,
      signers: [...policy.signers, { identity: other, issuer: testIssuer }],
    };
    const now = await verifyProduction(request(images, both), promotion.dependencies, context);
    assert.deepEqual([now.verified, now.failures], [3, []]);
    assert.deepEqual(
      now.unverified.map(({ line }) => line),
      [`app@${bare.digest}`],
    );
    const revoked = await verifyProduction(request(images), promotion.dependencies, context);
    assert.equal(revoked.unverified.length, 2);
    const lost = revoked.unverified.find(({ line }) => line === `app@${nightly.digest}`);
    assert.match(lost!.missing.join("\n"), new RegExp(`\\(it is signed by ${other}\\)`));
  });

  it("a trusted root that cannot be read fails, and promotes nothing", async () => {
    const { staging, request, tags } = project();
    const image = await staging.image();
    const lost: TrustSettings = { ...policy, trustedRoot: join(folder, "none.json") };
    const preview = await promotion.preview(request({ v1: image }, lost), undefined, context);
    assert.match(preview.errors.join("\n"), /artifacts:trust\.trustedRoot: .*none\.json: ENOENT/);
    const outcome = await promotion.promote(request({ v1: image }, lost), undefined, context);
    assert.match(outcome.failures.join("\n"), /artifacts:trust\.trustedRoot: .*none\.json: ENOENT/);
    assert.deepEqual(await tags(), {});
  });
});
