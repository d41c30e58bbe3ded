/** Users report: what the preview lets through and `up` cannot copy, and images that a mirror lists and nobody can pull. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import { everyDigest } from "../../../components/promotion/run/deep-share.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { type ContentRegistry, type Described, startContentRegistry } from "../../support/content-registry.ts";
import { head, Pusher, pull, startRegistry, type TestRegistry } from "../../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const foreignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

describe("images are whole before they are promised, and after", () => {
  let staging: ContentRegistry;
  let mirrors: TestRegistry[];
  const promotion = imagePromotion();
  before(async () => {
    staging = await startContentRegistry();
    mirrors = await Promise.all([startRegistry("olareg"), startRegistry("olareg")]);
  });
  after(async () => {
    await promotion.close();
    await staging.close();
    await Promise.all(mirrors.map((mirror) => mirror.remove()));
  });

  const layer = () => staging.put("application/vnd.oci.image.layer.v1.tar+gzip", randomBytes(200));
  const config = () => staging.put("application/vnd.oci.image.config.v1+json", { os: "linux", n: Math.random() });
  const image = (layers: readonly object[] = [layer()], more: object = {}): Described =>
    staging.put(ociManifest, { schemaVersion: 2, mediaType: ociManifest, config: config(), layers, ...more });
  const index = (manifests: readonly object[]) =>
    staging.put(ociIndex, { schemaVersion: 2, mediaType: ociIndex, manifests });

  let projects = 0;
  function requestFor(digest: string): ImagesRequest {
    const project = `p${projects++}`;
    return {
      project,
      images: `app:v1 ${digest}\n`,
      prefix: project,
      staging: `${staging.host}/staging`,
      mirrors: mirrors.map(({ host }, at) => ({ name: `m${at}`, repository: `${host}/images` })),
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      storage: {},
    };
  }
  const previewOf = (digest: string) => promotion.preview(requestFor(digest), undefined, context);

  const broken: Record<string, () => [Described, RegExp]> = {
    "a layer that staging has not": () => {
      const lost = layer();
      staging.drop(lost.digest);
      const whole = image([layer(), lost]);
      return [
        whole,
        new RegExp(
          `image app:v1 ${whole.digest}: layer ${lost.digest} of ${whole.digest} is not in .*/staging/app, .*push the image to staging again`,
        ),
      ];
    },
    "a config that staging has not, of an index's image": () => {
      const lost = config();
      staging.drop(lost.digest);
      const child = image([layer()], { config: lost });
      return [index([child, image()]), new RegExp(`config ${lost.digest} of ${child.digest} is not in `)];
    },
    "a layer whose size is off by one": () => {
      const wrong = layer();
      return [image([{ ...wrong, size: 199 }]), /has 200 bytes, and the manifest says 199: clients refuse it/];
    },
    "an image whose size in the index is off by one": () => {
      const child = image();
      const wrong = { ...child, size: child.size + 1 };
      return [
        index([wrong]),
        new RegExp(
          `manifest ${child.digest}, which .* lists, has ${child.size} bytes, and the index says ${wrong.size}`,
        ),
      ];
    },
  };
  for (const [what, make] of Object.entries(broken)) {
    it(`the preview names ${what}`, async () => {
      const [{ digest }, says] = make();
      const { errors } = await previewOf(digest);
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.match(errors[0]!, says);
    });
  }

  it("the preview says what staging has in place of a digest: a tag pushed again, an image ID, another image, other tags", async () => {
    const { host } = mirrors[0]!;
    const [app, other] = [new Pusher(host, "staged/app"), new Pusher(host, "staged/other")];
    const current = await app.image({ tags: ["v1", "v0"] });
    const elsewhere = await other.image({ tags: ["v1"] });
    const manifest = await fetch(`http://${host}/v2/staged/app/manifests/v1`, { headers: { accept: ociManifest } });
    const { config } = (await manifest.json()) as { config: { digest: string } };
    const gone = `sha256:${"7".repeat(64)}`;
    for (const [line, says] of [
      [`app:v1 ${gone}`, `staging has v1 on ${current.digest}: it was pushed again`],
      [`app:v2 ${config.digest}`, "an image ID (`docker images`) is no digest"],
      [`app:v2 ${elsewhere.digest}`, "it is in staging under the name other"],
      [`app:v2 ${gone}`, "staging has the tags v0, v1"],
      [`none:v2 ${gone}`, "staging has nothing of that name"],
    ] as const) {
      const images = [line, `other:v1 ${elsewhere.digest}`].sort().join("\n");
      const request = { ...requestFor(gone), images: `${images}\n`, staging: `${host}/staged` };
      const { errors } = await promotion.preview(request, undefined, context);
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.ok(errors[0]!.includes(says), errors[0]);
      assert.match(errors[0]!, /: push it to staging again, or remove it from the manifest$/);
    }
  });

  it("a whole image has no error", async () => {
    const shared = layer();
    const { errors, warnings } = await previewOf(index([image([shared, shared]), image([shared])]).digest);
    assert.deepEqual([errors, warnings], [[], []]);
  });

  it("a foreign layer that staging has is carried; crane pulls the image", async () => {
    const carried = staging.put(foreignLayer, randomBytes(300));
    const request = requestFor(image([layer(), { ...carried, urls: ["https://example.com/layer"] }]).digest);
    assert.deepEqual((await promotion.preview(request, undefined, context)).warnings, []);
    assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
    for (const { host } of mirrors) await pull(`${host}/images/${request.project}/app:v1`);
    assert.deepEqual((await promotion.takeInventory(request, { ...context, deep: everyDigest })).incomplete, {});
  });

  it("a foreign layer that staging has not is said, and the image promoted without it", async () => {
    const elsewhere = {
      mediaType: foreignLayer,
      digest: `sha256:${"5".repeat(64)}`,
      size: 5,
      urls: ["https://example.com/x"],
    };
    const request = requestFor(image([layer(), elsewhere]).digest);
    const { errors, warnings } = await promotion.preview(request, undefined, context);
    assert.deepEqual(errors, []);
    assert.match(
      warnings.join("\n"),
      /^project \w+, image app:v1 sha256:\w+: layer sha256:5+ of sha256:\w+ is not in .*: clients fetch it from/,
    );
    assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
    assert.deepEqual((await promotion.takeInventory(request, { ...context, deep: everyDigest })).incomplete, {});
  });

  it("a layer that a mirror has lost: a deep inventory finds it, and the next run brings it, on olareg", async () => {
    const [lost, child] = [layer(), image()];
    const { digest } = index([child, image([lost])]);
    const request = requestFor(digest);
    await promotion.promote(request, undefined, context);
    const repository = `images/${request.project}/app`;
    const gone = await fetch(`http://${mirrors[1]!.host}/v2/${repository}/blobs/${lost.digest}`, { method: "DELETE" });
    assert.equal(gone.status, 202);

    assert.deepEqual((await promotion.takeInventory(request, context)).incomplete, {}, "no list shows it");
    const found = await promotion.takeInventory(request, { ...context, deep: (each) => each === digest });
    assert.deepEqual(found.incomplete, { m1: `~ app@${digest}\n` });
    assert.deepEqual(found.notes, [`blob ${lost.digest} of app:v1 is missing in m1`]);
    const others = await promotion.takeInventory(request, { ...context, deep: (each) => each !== digest });
    assert.deepEqual(others.incomplete, {}, "another day's share");

    staging.drop(lost.digest);
    const previous = { request, incomplete: found.incomplete };
    assert.deepEqual((await promotion.preview(request, previous, context)).errors, []);
    assert.deepEqual((await promotion.promote(request, previous, context)).failures, []);
    await pull(`${mirrors[1]!.host}/${repository}:v1`);
    assert.deepEqual((await promotion.takeInventory(request, { ...context, deep: everyDigest })).incomplete, {});
    assert.equal(await head(mirrors[1]!.host, repository, child.digest), child.digest);
  });
});
