import assert from "node:assert/strict";
import { it } from "mocha";
import { attachmentFacts, bundleClaims, needsBundle } from "../../../components/catalogue/attachment-facts.ts";
import { imageFacts, neededConfigs } from "../../../components/catalogue/image-facts.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layer = (letter: string, size: number, rest: object = {}) => ({
  digest: digest(letter),
  size,
  mediaType: "x",
  ...rest,
});

const amd64 = { config: { ...layer("1", 100), mediaType: configType }, layers: [layer("2", 1000), layer("3", 50)] };
const arm64 = { config: { ...layer("4", 90), mediaType: configType }, layers: [layer("2", 1000), layer("2", 1000)] };
const attestations = {
  config: layer("5", 1),
  layers: [
    layer("6", 1, { annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" } }),
    layer("7", 1, { annotations: { "in-toto.io/predicate-type": "https://spdx.dev/Document" } }),
  ],
};
const index = {
  manifests: [
    { digest: digest("c"), platform: { os: "windows", architecture: "amd64", "os.version": "10.0.1" } },
    { digest: digest("b"), platform: { os: "linux", architecture: "arm64", variant: "v8" } },
    { digest: digest("a"), platform: { os: "linux", architecture: "amd64" } },
    {
      digest: digest("e"),
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest("a") },
    },
  ],
};
const children = new Map<string, unknown>([
  [digest("a"), amd64],
  [digest("b"), arm64],
  [digest("e"), attestations],
]);
const ofIndex = { digest: digest("f"), mediaType: ociIndex, manifest: index, children, configs: new Map() };

it("lists an index's platforms, Linux first, without attestations and missing entries", () => {
  assert.deepEqual(imageFacts(ofIndex), {
    digest: digest("f"),
    mediaType: ociIndex,
    platforms: [
      { platform: "linux/amd64", digest: digest("a"), bytes: 1150 },
      { platform: "linux/arm64/v8", digest: digest("b"), bytes: 1090 },
    ],
  });
});

it("takes an index's time from its annotation, else from its first entry's config", () => {
  const annotated = { ...index, annotations: { "org.opencontainers.image.created": "2026-01-02T03:04:05+01:00" } };
  assert.equal(imageFacts({ ...ofIndex, manifest: annotated }).created, "2026-01-02T02:04:05Z");
  assert.deepEqual(neededConfigs({ ...ofIndex, manifest: annotated }), []);

  const first = { manifests: [index.manifests[2]] };
  assert.deepEqual(neededConfigs({ ...ofIndex, manifest: first }), [{ digest: digest("1"), size: 100 }]);
  const configs = new Map([[digest("1"), { created: "2026-02-03T04:05:06.789Z" }]]);
  assert.equal(imageFacts({ ...ofIndex, manifest: first, configs }).created, "2026-02-03T04:05:06.789Z");
});

it("reads platform and time of a plain image from its config", () => {
  const reading = {
    digest: digest("a"),
    mediaType: ociManifest,
    manifest: amd64,
    children: new Map(),
    configs: new Map(),
  };
  assert.deepEqual(neededConfigs(reading), [{ digest: digest("1"), size: 100 }]);
  const configs = new Map([[digest("1"), { os: "linux", architecture: "s390x", created: "2026-02-03T04:05:06Z" }]]);
  assert.deepEqual(imageFacts({ ...reading, configs }), {
    digest: digest("a"),
    mediaType: ociManifest,
    created: "2026-02-03T04:05:06Z",
    platforms: [{ platform: "linux/s390x", digest: digest("a"), bytes: 1150 }],
  });
});

for (const created of ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "yesterday", 5]) {
  it(`the time ${created} of a reproducible build is ignored`, () => {
    const configs = new Map([[digest("1"), { os: "linux", architecture: "amd64", created }]]);
    const reading = { digest: digest("a"), mediaType: ociManifest, manifest: amd64, children: new Map(), configs };
    assert.equal("created" in imageFacts(reading), false);
  });
}

it("shows the artifact type of an artifact that is not a container image", () => {
  const chart = {
    config: { ...layer("1", 10), mediaType: "application/vnd.cncf.helm.config.v1+json" },
    layers: [layer("2", 20)],
  };
  const reading = {
    digest: digest("a"),
    mediaType: ociManifest,
    manifest: chart,
    children: new Map(),
    configs: new Map(),
  };
  assert.deepEqual(neededConfigs(reading), []);
  assert.deepEqual(imageFacts(reading), {
    digest: digest("a"),
    mediaType: ociManifest,
    artifactType: "application/vnd.cncf.helm.config.v1+json",
    platforms: [{ digest: digest("a"), bytes: 30 }],
  });
});

for (const manifest of [null, [], "x", { manifests: "x" }, { manifests: [null, 3, {}] }, { layers: [{ size: -1 }] }]) {
  it(`invalid manifests have no platform and throw nothing: ${JSON.stringify(manifest)}`, () => {
    const { platforms } = imageFacts({
      digest: digest("a"),
      mediaType: "",
      manifest,
      children: new Map(),
      configs: new Map(),
    });
    assert.deepEqual(platforms, [{ digest: digest("a"), bytes: 0 }]);
  });
}

it("a signature by a key or with a broken certificate has no identity", () => {
  const broken = {
    annotations: { "dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----" },
  };
  const sig = { layers: [layer("9", 1), layer("8", 1, broken)] };
  const facts = attachmentFacts(
    digest("f"),
    index,
    [{ subject: digest("f"), tag: "sha256-x.sig", manifest: sig }],
    new Map(),
  );
  assert.deepEqual(facts.signatures, [{ attached: "tag", format: "cosign", logged: false }]);
});

it("reads BuildKit's attestations and SBOMs from the index", () => {
  const { attestations: found, sboms } = attachmentFacts(digest("f"), index, [], children);
  assert.deepEqual(found, [{ of: digest("a"), attached: "index", predicateType: "https://slsa.dev/provenance/v0.2" }]);
  assert.deepEqual(sboms, [{ of: digest("a"), attached: "index", format: "https://spdx.dev/Document" }]);
});

it("reads referrers by artifact type and ignores unknown types", () => {
  const referrer = (artifactType: string, rest: object = {}) => ({
    subject: digest("f"),
    manifest: { artifactType, layers: [layer("1", 7, { mediaType: artifactType })], ...rest },
  });
  const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const predicate = (type: string) => ({ annotations: { "dev.sigstore.bundle.predicateType": type } });
  const facts = attachmentFacts(
    digest("f"),
    {},
    [
      { ...referrer("application/spdx+json"), subject: digest("a") },
      referrer("application/vnd.cyclonedx+json"),
      referrer("application/vnd.cncf.notary.signature"),
      referrer("application/vnd.in-toto+json", {
        layers: [layer("1", 1, { annotations: { predicateType: "https://slsa.dev/provenance/v1" } })],
      }),
      referrer(bundle, predicate("https://sigstore.dev/cosign/sign/v1")),
      referrer(bundle, predicate("https://slsa.dev/provenance/v1")),
      referrer("application/vnd.example.unknown"),
    ],
    new Map(),
  );
  assert.deepEqual(facts, {
    signatures: [
      { attached: "referrer", format: "notation" },
      { attached: "referrer", format: "sigstore" },
    ],
    attestations: [{ attached: "referrer", predicateType: "https://slsa.dev/provenance/v1" }],
    sboms: [
      { attached: "referrer", format: "application/vnd.cyclonedx+json" },
      { of: digest("a"), attached: "referrer", format: "application/spdx+json" },
    ],
  });
  assert.deepEqual(needsBundle(referrer(bundle)), { digest: digest("1"), size: 7 });
  assert.equal(needsBundle(referrer("application/spdx+json")), undefined);
});

it("reads what cosign 3.1.3 writes with a key and without a log, as its own commands confirm", () => {
  const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const bundle = (predicateType: string, payload: string) => ({
    subject: digest("f"),
    manifest: {
      mediaType: ociManifest,
      artifactType: bundleType,
      config: { mediaType: "application/vnd.oci.empty.v1+json", size: 2, artifactType: bundleType },
      layers: [{ mediaType: bundleType, size: 659, digest: digest("1") }],
      annotations: {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": predicateType,
      },
    },
    bundle: bundleClaims(
      Buffer.from(
        JSON.stringify({
          mediaType: bundleType,
          verificationMaterial: { publicKey: { hint: "oJuGYzNM4hAuX4lgxVdkEbYE8IHMPvT/+lCD9cCWNqU=" } },
          dsseEnvelope: { payload, payloadType: "application/vnd.in-toto+json", signatures: [{ sig: "MEUCIQD/oOW6" }] },
        }),
      ),
    ),
  });
  /** `cosign sign --new-bundle-format=false --registry-referrers-mode=oci-1-1`. */
  const simpleSigning = {
    subject: digest("f"),
    manifest: {
      mediaType: ociManifest,
      artifactType: "application/vnd.dev.cosign.artifact.sig.v1+json",
      config: { mediaType: "application/vnd.dev.cosign.artifact.sig.v1+json", size: 233, digest: digest("2") },
      layers: [
        {
          mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
          size: 246,
          digest: digest("3"),
          annotations: { "dev.cosignproject.cosign/signature": "MEUCICm2JDaWRQie8rLr8NGXmA2lPtm5iaFmAyuybC0Ju" },
        },
      ],
    },
  };
  const facts = attachmentFacts(
    digest("f"),
    {},
    [
      bundle("https://sigstore.dev/cosign/sign/v1", "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="),
      bundle("https://slsa.dev/provenance/v1", "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjAuMSJ9"),
      bundle("https://spdx.dev/Document", "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjAuMSJ9"),
      simpleSigning,
    ],
    new Map(),
  );
  assert.deepEqual(facts, {
    signatures: [
      { attached: "referrer", format: "cosign", logged: false },
      { attached: "referrer", format: "sigstore", logged: false },
    ],
    attestations: [{ attached: "referrer", predicateType: "https://slsa.dev/provenance/v1" }],
    sboms: [{ attached: "referrer", format: "https://spdx.dev/Document" }],
  });
});
