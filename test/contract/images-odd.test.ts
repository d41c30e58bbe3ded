/** Content that projects push now and then and that must be promoted whole, or be refused with a word that helps. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import { type ContentRegistry, startContentRegistry } from "../support/content-registry.ts";
import { head, inspect, pull, startRegistry, type TestRegistry } from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociManifest = "application/vnd.oci.image.manifest.v1+json";

describe("unusual content", () => {
  let staging: ContentRegistry;
  let mirror: TestRegistry;
  let other: TestRegistry;
  const promotion = imagePromotion();
  before(async () => {
    staging = await startContentRegistry();
    [mirror, other] = await Promise.all([startRegistry("olareg"), startRegistry("distribution")]);
  });
  after(async () => {
    await promotion.close();
    await staging.close();
    await Promise.all([mirror, other].map((each) => each.remove()));
  });

  const put = (type: string, value: object | Buffer) => staging.put(type, value);
  const layer = () => put("application/vnd.oci.image.layer.v1.tar", randomBytes(100));
  const image = (more: object = {}) =>
    put(ociManifest, { schemaVersion: 2, mediaType: ociManifest, config: layer(), layers: [layer()], ...more });
  const index = (manifests: readonly object[]) => put(ociIndex, { schemaVersion: 2, mediaType: ociIndex, manifests });

  let projects = 0;
  async function promote(digest: string): Promise<{ failures: readonly string[]; repository: string }> {
    const name = `p${projects++}`;
    const request: ImagesRequest = {
      project: name,
      images: `app:v1 ${digest}\n`,
      prefix: name,
      staging: `${staging.host}/staging`,
      mirrors: [mirror, other].map(({ host }, at) => ({ name: `m${at}`, repository: `${host}/images` })),
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      storage: {},
    };
    const preview = await promotion.preview(request, undefined, context);
    const { failures } = await promotion.promote(request, undefined, context);
    assert.equal(preview.errors.length, failures.length, `the preview says ${preview.errors.join("\n")}`);
    return { failures, repository: `images/${name}/app` };
  }

  async function isRefused(digest: string, why: RegExp): Promise<void> {
    const { failures, repository } = await promote(digest);
    assert.equal(failures.length, 1, failures.join("\n"));
    assert.match(failures[0]!, why);
    assert.deepEqual(await inspect(mirror.host, repository), { tags: {} });
    assert.equal(await head(mirror.host, repository, digest), undefined);
  }

  const empty = () => put("application/vnd.oci.empty.v1+json", Buffer.from("{}"));
  const taken: Record<string, () => { digest: string }> = {
    "indexes in an index, three deep": () => index([index([index([image()]), image()])]),
    "layers in zstd": () =>
      image({ layers: [put("application/vnd.oci.image.layer.v1.tar+zstd", randomBytes(100)), layer()] }),
    "an artifact with an artifactType and no layers": () =>
      image({ artifactType: "application/vnd.example.note", config: empty(), layers: [] }),
    "an artifact whose only layer is the empty one": () =>
      image({ artifactType: "application/vnd.example.note", config: empty(), layers: [empty()] }),
    "a layer of no bytes": () => image({ layers: [put("application/vnd.oci.image.layer.v1.tar", Buffer.alloc(0))] }),
    "a subject that is null": () => image({ subject: null }),
    "a manifest of nearly 4 MiB": () => image({ annotations: { text: "x".repeat(4 * 1024 * 1024 - 2_000) } }),
    "an empty index": () => index([]),
  };
  for (const [what, make] of Object.entries(taken))
    it(`${what}: in olareg and distribution 3`, async () => {
      const { digest } = make();
      const { failures, repository } = await promote(digest);
      assert.deepEqual(failures, []);
      for (const { host } of [mirror, other]) assert.equal(await head(host, repository, "v1"), digest, host);
      if (what !== "an empty index") await pull(`${mirror.host}/${repository}:v1`);
    });

  it("indexes nested too deep", async () => {
    let nested = image();
    for (let depth = 0; depth < 30; depth++) nested = index([nested]);
    await isRefused(nested.digest, /indexes are nested more than 4 deep/);
  });

  it("an index with too many entries", async () => {
    const one = image();
    await isRefused(index(Array(1_001).fill(one)).digest, /lists more than 1000 manifests/);
  });

  it("the same image for two platforms of an index, and one layer in all images", async () => {
    const one = image();
    const platform = (architecture: string) => ({ ...one, platform: { os: "linux", architecture } });
    const { failures, repository } = await promote(index([platform("amd64"), platform("arm64")]).digest);
    assert.deepEqual(failures, []);
    await pull(`${mirror.host}/${repository}:v1`);
  });

  it("a manifest larger than registries must accept", async () => {
    const large = image({ annotations: { text: "x".repeat(4 * 1024 * 1024) } });
    await isRefused(large.digest, /larger than 4194304 bytes/);
  });

  it("Docker's schema 1", async () => {
    const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    const old = put(type, { schemaVersion: 1, name: "app", tag: "v1", fsLayers: [], history: [], signatures: [] });
    await isRefused(old.digest, /is a Docker schema 1 manifest, .*build and push the image again/);
  });

  it("a layer with a digest other than sha256", async () => {
    const digest = `sha512:${"a".repeat(128)}`;
    await isRefused(
      image({ layers: [{ ...layer(), digest }] }).digest,
      /refers to "sha512:a+\.*", which is not supported: registries store sha256 digests only/,
    );
  });

  it("a proxy's HTML page instead of a manifest", async () => {
    await isRefused(put("text/html", Buffer.from("<html>Sign in</html>")).digest, /is no|not a JSON/);
  });
});
