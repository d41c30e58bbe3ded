import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { type AdmissionRules, admit, neededConfig } from "../../../../components/promotion/images/admission.ts";
import { digestOf } from "../../../../components/promotion/oci/digest.ts";
import { readManifest } from "../../../../components/promotion/oci/manifest.ts";
import { attachmentLimits } from "../../../../components/promotion/run/limits.ts";

const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const imageConfig = "application/vnd.oci.image.config.v1+json";
const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
const simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
const subject = `sha256:${"5".repeat(64)}`;
const other = `sha256:${"6".repeat(64)}`;
const nothing = { architecture: "", os: "", config: {}, rootfs: { type: "layers", diff_ids: [] } };

const blob = (mediaType: string, size = 100) => ({ mediaType, size, digest: `sha256:${"a".repeat(64)}` });
const to = (digest: string) => ({ ...blob(ociManifest), digest });
/** What cosign puts under a tag: the config of an image of nothing, and layers. */
const byTag = (...layers: object[]) => ({ mediaType: ociManifest, config: blob(imageConfig), layers });
/** A referrer. */
const referrer = (artifactType: string, more: object = {}) => ({
  mediaType: ociManifest,
  artifactType,
  config: blob("application/vnd.oci.empty.v1+json", 2),
  layers: [blob(artifactType)],
  subject: to(subject),
  ...more,
});

interface Case {
  readonly name: string;
  readonly tag?: ".sig" | ".att" | ".sbom";
  readonly manifest: Record<string, unknown>;
  readonly config?: unknown;
  readonly rules?: Partial<AdmissionRules>;
  /** A kind, or why it is refused. */
  readonly gives: string | RegExp;
}

const annotated = (predicate: string) => ({ annotations: { "dev.sigstore.bundle.predicateType": predicate } });

const cases: Case[] = [
  {
    name: "a cosign signature",
    tag: ".sig",
    manifest: byTag(blob(simpleSigning), blob(simpleSigning)),
    gives: "signature",
  },
  {
    name: "a cosign attestation",
    tag: ".att",
    manifest: byTag(blob("application/vnd.dsse.envelope.v1+json")),
    gives: "attestation",
  },
  { name: "a cosign SBOM", tag: ".sbom", manifest: byTag(blob("text/spdx+json")), gives: "SBOM" },
  { name: "a signature as a bundle", manifest: referrer(bundle), gives: "signature" },
  {
    name: "a signature by cosign 3",
    manifest: referrer(bundle, annotated("https://sigstore.dev/cosign/sign/v1")),
    gives: "signature",
  },
  {
    name: "provenance as a bundle",
    manifest: referrer(bundle, annotated("https://slsa.dev/provenance/v1")),
    gives: "attestation",
  },
  { name: "an in-toto attestation", manifest: referrer("application/vnd.in-toto+json"), gives: "attestation" },
  { name: "SPDX", manifest: referrer("application/spdx+json"), gives: "SBOM" },
  { name: "CycloneDX", manifest: referrer("application/vnd.cyclonedx+json"), gives: "SBOM" },
  {
    name: "an artifact type that the project names",
    manifest: referrer("application/vnd.example.report"),
    rules: { artifactTypes: ["application/vnd.example.report"] },
    gives: "artifact",
  },
  {
    name: "an artifact type that nobody names",
    manifest: referrer("application/vnd.example.report"),
    gives: /^it has artifact type application\/vnd\.example\.report: name it in attachments\.artifactTypes/,
  },
  {
    name: "an image as a signature",
    tag: ".sig",
    manifest: byTag(blob(layerType)),
    gives: /^it has a layer of media type application\/vnd\.oci\.image\.layer\.v1\.tar\+gzip, which is no signature$/,
  },
  {
    name: "an image whose layers call themselves signatures, with a command",
    tag: ".sig",
    manifest: byTag(blob(simpleSigning)),
    config: { ...nothing, config: { Cmd: ["/bin/sh"] } },
    gives: /^it is an image with a command \(Cmd\)$/,
  },
  {
    name: "the same with an entry point",
    tag: ".att",
    manifest: byTag(blob("application/vnd.dsse.envelope.v1+json")),
    config: { ...nothing, config: { Entrypoint: ["/x"] } },
    gives: /^it is an image with a command \(Entrypoint\)$/,
  },
  {
    name: "the same for a platform",
    tag: ".sig",
    manifest: byTag(blob(simpleSigning)),
    config: { ...nothing, os: "linux", architecture: "amd64" },
    gives: /^it is an image for linux\/amd64$/,
  },
  {
    name: "a config that cannot be read",
    tag: ".sig",
    manifest: byTag(blob(simpleSigning)),
    config: undefined,
    gives: /^its image config cannot be read$/,
  },
  {
    name: "a config as large as nobody needs",
    tag: ".sig",
    manifest: { ...byTag(blob(simpleSigning)), config: blob(imageConfig, attachmentLimits.config + 1) },
    gives: /^its image config has 64\.0 KiB$/,
  },
  {
    name: "an index as an attestation",
    tag: ".att",
    manifest: { mediaType: "application/vnd.oci.image.index.v1+json", manifests: [to(other)] },
    gives: /^its media type application\/vnd\.oci\.image\.index\.v1\+json is that of an image or an index$/,
  },
  {
    name: "a Docker image as a signature",
    tag: ".sig",
    manifest: { ...byTag(blob(simpleSigning)), mediaType: "application/vnd.docker.distribution.manifest.v2+json" },
    gives: /is that of an image or an index$/,
  },
  {
    name: "a runnable image as a referrer",
    manifest: { ...byTag(blob(layerType)), subject: to(subject) },
    gives: /^it has artifact type application\/vnd\.oci\.image\.config\.v1\+json: /,
  },
  {
    name: "a runnable image of a type that the project names",
    manifest: referrer("application/vnd.example.report", { config: blob(imageConfig), layers: [blob(layerType)] }),
    config: { ...nothing, os: "linux" },
    rules: { artifactTypes: ["application/vnd.example.report"] },
    gives: /^it is an image for linux$/,
  },
  {
    name: "a referrer of another digest",
    manifest: referrer(bundle, { subject: to(other) }),
    gives: /^its subject is sha256:6/,
  },
  {
    name: "a tag on something of another digest",
    tag: ".sig",
    manifest: { ...byTag(blob(simpleSigning)), subject: to(other) },
    gives: /^its subject is sha256:6/,
  },
  {
    name: "a referrer without a subject",
    manifest: referrer(bundle, { subject: undefined }),
    gives: /^it names no subject$/,
  },
  {
    name: "a bundle of thousands of layers",
    manifest: referrer(bundle, { layers: Array.from({ length: 257 }, () => blob(bundle)) }),
    gives: /^it has 257 layers, more than 256$/,
  },
  { name: "a bundle without content", manifest: referrer(bundle, { layers: [] }), gives: /^it has no content$/ },
  {
    name: "a bundle with a layer of another kind",
    manifest: referrer(bundle, { layers: [blob(bundle), blob(layerType)] }),
    gives: /^it has a layer of media type .*tar\+gzip, which is no signature$/,
  },
  {
    name: "layers that only another server has",
    tag: ".sig",
    manifest: byTag(blob(simpleSigning), {
      ...blob("application/vnd.oci.image.layer.nondistributable.v1.tar"),
      urls: ["https://example.org"],
    }),
    gives: /^it has a layer of media type .*nondistributable/,
  },
  {
    name: "more bytes than the project allows",
    manifest: referrer("application/spdx+json", { layers: [blob("application/spdx+json", 5000)] }),
    rules: { bytes: 4096 },
    gives: /^it has 4\.9 KiB; an attachment of this project may have 4\.0 KiB$/,
  },
  {
    name: "a type that would write into a log",
    manifest: referrer("x\n::error::\u202e"),
    gives: /^it has artifact type x : :error: : : name it/,
  },
];

describe("admission of attachments", () => {
  for (const { name, tag, manifest, rules, gives, ...more } of cases)
    it(`${name} is ${typeof gives === "string" ? `admitted as ${gives}` : "refused"}`, () => {
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...manifest }));
      const read = readManifest(bytes, digestOf(bytes), String(manifest["mediaType"]));
      const config = "config" in more ? more.config : neededConfig(read) && nothing;
      const attachment = {
        subject,
        digest: read.digest,
        ...(tag && { tag: subject.replace(":", "-") + tag }),
      };
      const verdict = admit(attachment, read, config, { artifactTypes: [], bytes: attachmentLimits.bytes, ...rules });
      if (typeof gives === "string") assert.deepEqual(verdict, { kind: gives });
      else assert.match("refusal" in verdict ? verdict.refusal : `admitted as ${verdict.kind}`, gives);
    });
});
