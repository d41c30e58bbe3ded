/** Projects that are not in every mirror, against real registries and buckets. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { promoteFiles, takeFileInventory } from "../../components/promotion/files/files.ts";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type {
  Context,
  FileMirror,
  FilesRequest,
  ImagesRequest,
  Progress,
} from "../../components/promotion/run/request.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { inspect, Pusher, pull, sha256, startRegistry, type TestRegistry } from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

describe("projects that are not in every mirror", () => {
  let registries: TestRegistry[];
  let stores: ObjectStores;
  const promotion = imagePromotion();

  before(async () => {
    [registries, stores] = await Promise.all([
      Promise.all(["olareg", "distribution", "olareg"].map((kind) => startRegistry(kind as "olareg"))),
      startObjectStores(),
    ]);
  });
  after(async () => {
    await promotion.close();
    await Promise.all([...registries.map((registry) => registry.remove()), stores.stop()]);
  });

  const names = ["us", "europe", "asia"];
  const mirrorsNow = () =>
    registries.map(({ host }, index) => ({ name: names[index]!, repository: `${host}/p/images` }));

  function imagesIn(project: string, images: string, placed: readonly string[], removalShare = 0.5): ImagesRequest {
    const isPlaced = ({ name }: { name: string }) => placed.includes(name);
    return {
      project,
      images,
      prefix: project,
      staging: `${registries[0]!.host}/p/staging-${project}`,
      mirrors: mirrorsNow().filter(isPlaced),
      layerMirrors: [],
      unplaced: mirrorsNow().filter((mirror) => !isPlaced(mirror)),
      unplacedLayers: [],
      mutableTags: [],
      removalShare,
      storage: {},
    };
  }

  async function tagsIn(mirror: string, project: string): Promise<readonly string[]> {
    const { host } = registries[names.indexOf(mirror)]!;
    return Object.keys((await inspect(host, `p/images/${project}/app`)).tags);
  }

  it("images: a project is in the mirrors of its groups, leaves those that it no longer names, and comes back", async () => {
    const staging = new Pusher(registries[0]!.host, "p/staging-moving/app");
    const index = await staging.index([await staging.image(), await staging.image()]);
    await staging.signature(index);
    const lines = `app:v1 ${index.digest}\n`;
    const everywhere = imagesIn("moving", lines, names);
    const first = await promotion.promote(everywhere, undefined, context);
    assert.deepEqual([first.failures, first.incomplete], [[], {}]);
    for (const name of names) assert.equal((await tagsIn(name, "moving")).length, 2, name);

    const fewer = imagesIn("moving", lines, ["us", "europe"]);
    const previous = { request: everywhere, incomplete: {}, attached: first.attached };
    const preview = await promotion.preview(fewer, previous, context);
    assert.deepEqual(
      [preview.errors, preview.lines],
      [[], ["remove the whole project (1 line) from asia: its regions do not include it; the other mirrors keep it"]],
    );
    const order: string[] = [];
    const seen: Progress[] = [];
    const left = await promotion.promote(fewer, previous, {
      ...context,
      report: (progress) => void seen.push(progress),
      beforeRemoval: async () => void order.push(`unlisted while asia has ${(await tagsIn("asia", "moving")).length}`),
    });
    assert.deepEqual([left.failures, left.incomplete], [[], {}]);
    assert.match(left.summary, /^nothing to do; where it is not placed: .*removed 1 in 1 mirror$/);
    assert.deepEqual(
      seen.at(-1)?.mirrors.map(({ name, total }) => [name, total > 0]),
      [
        ["us", false],
        ["europe", false],
        ["asia", true],
      ],
      "its progress is that of the whole run",
    );
    assert.deepEqual(order, ["unlisted while asia has 2"]);
    assert.deepEqual(await tagsIn("asia", "moving"), []);
    for (const name of ["us", "europe"]) await pull(`${mirrorsNow()[names.indexOf(name)]!.repository}/moving/app:v1`);

    const back = await promotion.promote(
      everywhere,
      { request: fewer, incomplete: {}, attached: left.attached },
      context,
    );
    assert.deepEqual([back.failures, back.incomplete], [[], {}]);
    assert.equal((await tagsIn("asia", "moving")).length, 2);
  });

  it("images: too many mirrors at once are refused, and nothing is removed while the others lack something", async () => {
    const staging = new Pusher(registries[0]!.host, "p/staging-guarded/app");
    const image = await staging.image();
    const lines = `app:v1 ${image.digest}\n`;
    const everywhere = imagesIn("guarded", lines, names);
    assert.deepEqual((await promotion.promote(everywhere, undefined, context)).failures, []);
    const previous = { request: everywhere, incomplete: {} };
    const refused = /guarded: this would remove the whole project from 2 of its 3 mirrors \(67%\)/;
    const only = imagesIn("guarded", lines, ["us"]);
    await assert.rejects(promotion.promote(only, previous, context), refused);
    await assert.rejects(promotion.preview(only, previous, context), refused);

    const absent = `app:v2 sha256:${"0".repeat(64)}\n`;
    const failing = imagesIn("guarded", lines + absent, ["us", "europe"]);
    const stayed = await promotion.promote(failing, previous, context);
    assert.notDeepEqual(stayed.failures, []);
    assert.deepEqual(await tagsIn("asia", "guarded"), ["v1"]);
    assert.equal(stayed.incomplete["asia"], `- ${lines}`);
    // The next run, of which the mirrors are those that the failed one was asked for, still knows.
    const mended = imagesIn("guarded", lines, ["us", "europe"]);
    const gone = await promotion.promote(mended, { request: failing, incomplete: stayed.incomplete }, context);
    assert.deepEqual([gone.failures, gone.incomplete], [[], {}]);
    assert.deepEqual(await tagsIn("asia", "guarded"), []);
  });

  it("images: an inventory finds what somebody pushed where the project is not placed, and the next run removes it", async () => {
    const staging = new Pusher(registries[0]!.host, "p/staging-found/app");
    const image = await staging.image();
    const request = imagesIn("found", `app:v1 ${image.digest}\n`, ["us", "europe"]);
    assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
    assert.deepEqual((await promotion.takeInventory(request, context)).incomplete, {});
    const pushed = await new Pusher(registries[2]!.host, "p/images/found/app").image({ tags: ["other"] });
    const { incomplete, text, failures } = await promotion.takeInventory(request, context);
    assert.deepEqual([incomplete, text, failures], [{ asia: `- app:other ${pushed.digest}\n` }, request.images, []]);
    const mended = await promotion.promote(request, { request, incomplete }, context);
    assert.deepEqual([mended.failures, mended.incomplete], [[], {}]);
    assert.deepEqual(await tagsIn("asia", "found"), []);
  });

  it("files: a project leaves a bucket with its files, and drift is found there", async () => {
    const bucket = (name: string): FileMirror => ({ name, kind: "gcs", bucket: `placed-${name}`, region: name });
    const buckets = ["us", "europe"].map(bucket);
    await Promise.all([
      ...buckets.map((each) => stores.makeBucket("gcs", each.bucket)),
      stores.makeBucket("gcs", "placed-staging"),
    ]);
    const content = Buffer.from("a release");
    await stores.stage("placed-staging", "v1/tool", content);
    const files = `v1/tool ${sha256(content)}\n`;
    const [us, europe] = buckets as [FileMirror, FileMirror];
    const both: FilesRequest = {
      project: "placed",
      files,
      prefix: "placed",
      staging: "placed-staging",
      mirrors: buckets,
      removalShare: 0.5,
      storage: stores.settings,
    };
    assert.deepEqual((await promoteFiles(both, undefined, context)).failures, []);
    const one: FilesRequest = { ...both, mirrors: [us], unplaced: [europe] };
    assert.deepEqual((await takeFileInventory(one, context)).incomplete, { europe: `- ${files}` });
    const left = await promoteFiles(one, { request: both, incomplete: {} }, context);
    assert.deepEqual([left.failures, left.incomplete], [[], {}]);
    assert.deepEqual((await takeFileInventory(one, context)).incomplete, {});
    assert.ok(await stores.served(us.bucket, "binaries/placed/v1/tool"));
    assert.equal(await stores.served(europe.bucket, "binaries/placed/v1/tool"), undefined);
  });
});
