/** The filling of a bucket of Cloud Storage that is an image mirror: its tasks need no right that the job's account lacks, and leave alone what others bring. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { fillMirror } from "../../components/commands/fill-mirror.ts";
import { fillOrderOf } from "../../components/commands/fill-order.ts";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { ImagesRequest } from "../../components/promotion/run/request.ts";
import { Delays } from "../../local/cloud/delays.ts";
import { gcsFront } from "../../local/cloud/gcs-front.ts";
import { Guard, isDataGrant } from "../../local/cloud/guard.ts";
import { CloudInventory } from "../../local/cloud/inventory.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { type Pushed, Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";

const mirror = "images-gcs-europe-west1";
const bucket = "demo-artifacts-europe-west1";
const filler = "serviceAccount:artifacts-fill@demo-project.iam.gserviceaccount.com";
const tasks = 5;

describe("a fill of a bucket of Cloud Storage that is an image mirror", () => {
  const { signal } = new AbortController();
  const context = { signal, report: () => {} };
  const promotion = imagePromotion({ listingLife: 0 });
  let stores: ObjectStores;
  let registry: TestRegistry;
  let cloud: CloudInventory;
  let front: LoopbackServer;
  /** An image to which something is attached. */
  let attachedTo: Pushed;
  /** In the order of their promotion. */
  const lines: string[][] = [];

  before(async () => {
    [stores, registry] = await Promise.all([startObjectStores(), startRegistry("olareg")]);
    await stores.makeBucket("gcs", bucket);
    // The emulated cloud takes a promotion at a loopback address for the account that deploys: here that is the one of the fill.
    const account = { type: "gcp:serviceaccount/account:Account", id: "a", inputs: { accountId: "artifacts-deploy" } };
    cloud = new CloudInventory(join(stores.folder, "cloud.json"), [], {});
    await cloud.put({ ...account, computed: { member: filler }, config: {} });
    const declared = await declare({ ...everything, "artifacts:imageBuckets": ["europe-west1"] }, manifests);
    for (const { type, name, inputs } of declared.filter(isDataGrant))
      await cloud.put({ type, id: name, inputs, computed: {}, config: {} });
    const guard = new Guard(cloud, new Delays());
    guard.on = true;
    front = await serveOnLoopback(gcsFront(cloud, Number(new URL(stores.gcs).port), guard));
    for (let version = 0; version < 5; version++) {
      lines.push([]);
      for (const name of ["api", "tool"]) {
        const pusher = new Pusher(registry.host, `p/images/tool/${name}`);
        const tags = [`v${version}`, ...(version === 4 ? ["latest"] : [])];
        const isIndex = version % 2 === 1;
        const image = isIndex
          ? await pusher.index([await pusher.image(), await pusher.image()], tags)
          : await pusher.image({ tags });
        if (version === 3 && name === "api") attachedTo = image;
        if (version > 0) await pusher.signature(image);
        if (version > 1) for (const _ of ["one", "another"]) await pusher.image({ subject: image });
        lines.at(-1)!.push(...tags.map((tag) => `${name}:${tag} ${image.digest}\n`));
      }
    }
  });
  after(async () => {
    await promotion.close();
    await front.close();
    await registry.remove();
    await stores.stop();
  });

  const requestOf = (images: readonly string[]): ImagesRequest => ({
    project: "tool",
    images: images.toSorted().join(""),
    prefix: "tool",
    staging: "",
    mirrors: [
      { name: "images-us-central1", repository: `${registry.host}/p/images` },
      { name: mirror, repository: `gs://${bucket}` },
    ],
    layerMirrors: [],
    mutableTags: ["latest"],
    removalShare: 0,
    storage: stores.settings,
  });
  async function fill(): Promise<readonly string[]> {
    const storage = { ...stores.settings, gcsEndpoint: `http://${front.host}` };
    const order = fillOrderOf({ images: [{ ...requestOf(lines.flat()), storage }], files: [] }, mirror, new Set());
    const filled = Array.from({ length: tasks }, (_, index) =>
      fillMirror(order, { index: index + 1, count: tasks }, { signal }, () => {}),
    );
    return (await Promise.all(filled)).flatMap(({ failures }) => failures);
  }

  it("brings what it lacks, and each task leaves alone what a deployment and other tasks have brought", async () => {
    const { failures } = await promotion.promote(requestOf(lines.at(-1)!), undefined, context);
    assert.deepEqual(failures, []);
    assert.deepEqual(await fill(), []);
    const { incomplete } = await promotion.takeInventory(requestOf(lines.flat()), context);
    assert.deepEqual(incomplete, {});
  });

  it("what is attached later is listed at the first try, though the account may not delete the list that it replaces", async () => {
    const listed = async () => {
      const key = `containers/registry/tool/api/_referrers/${attachedTo.digest}`;
      const list = JSON.parse((await stores.served(bucket, key))!.bytes.toString()) as { manifests: unknown[] };
      return list.manifests.length;
    };
    const before = await listed();
    await new Pusher(registry.host, "p/images/tool/api").image({ subject: attachedTo });
    assert.deepEqual(await fill(), []);
    assert.equal(await listed(), before + 1);
  });
});
