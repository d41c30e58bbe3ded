/** Users report drift that never ends: what an inventory shows is what the next run changes, and after it nothing is left. On generated trees. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import { everyDigest } from "../../../components/promotion/run/deep-share.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { head, type Pushed, Pusher } from "../../support/registries.ts";
import { listingKinds, type RegistryPair, startRegistryPair } from "../../support/registry-pair.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const deep: Context = { ...context, deep: everyDigest };
/** More seeds find more; these are those that found faults in a few seconds. */
const seeds = [1, 2];

for (const kind of listingKinds) {
  describe(`generated images and attachments, on ${kind}`, () => {
    let pair: RegistryPair;
    let hosts: readonly string[];
    const promotion = imagePromotion();
    before(async () => {
      pair = await startRegistryPair(kind);
      ({ hosts } = pair);
    });
    after(async () => {
      await promotion.close();
      await pair.remove();
    });

    for (const seed of seeds) {
      it(`seed ${seed}: promoted whole; each loss is shown, mended by the next run, and shown no more`, async () => {
        const random = generator(seed);
        const { root, all } = await tree(new Pusher(hosts[0]!, `p/staging-s${seed}/app`), random);
        const request: ImagesRequest = {
          project: `s${seed}`,
          images: `app:v1 ${root.digest}\n`,
          prefix: `s${seed}`,
          staging: `${hosts[0]}/p/staging-s${seed}`,
          mirrors: hosts.map((host, index) => ({ name: `m${index}`, repository: `${host}/p/images` })),
          layerMirrors: [],
          mutableTags: [],
          removalShare: 1,
          storage: {},
        };
        const isWhole = async (when: string) => {
          const found = await promotion.takeInventory(request, deep);
          assert.deepEqual([found.failures, found.incomplete, found.notes ?? []], [[], {}, []], when);
          const repository = `p/images/s${seed}/app`;
          for (const host of hosts)
            for (const { digest } of all)
              assert.equal(await head(host, repository, digest), digest, `${when}: ${digest}`);
        };
        const preview = await promotion.preview(request, undefined, context);
        assert.deepEqual(preview.errors, []);
        const outcome = await promotion.promote(request, undefined, context);
        assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
        await isWhole("after the promotion");

        for (let losses = 0; losses < 2; losses++) {
          const lost = all[random(all.length)]!;
          const gone = await fetch(`http://${hosts[1]}/v2/p/images/s${seed}/app/manifests/${lost.digest}`, {
            method: "DELETE",
            headers: { "x-force": "yes" },
          });
          assert.equal(gone.status, 202);
          const found = await promotion.takeInventory(request, context);
          assert.deepEqual(Object.keys(found.incomplete), ["m1"], `${lost.digest} of seed ${seed} is lost`);
          const previous = { request, incomplete: found.incomplete };
          const planned = await promotion.preview(request, previous, context);
          assert.equal(planned.lines.length, 1, planned.lines.join("\n"));
          const mended = await promotion.promote(request, previous, context);
          assert.deepEqual([mended.failures, mended.incomplete], [[], {}]);
          await isWhole(`after the loss of ${lost.digest}`);
        }
      });
    }

    /** An image or an index, which may list indexes, with signatures by tag and SBOMs by referrer, on any of them and on each other. */
    async function tree(staging: Pusher, random: (below: number) => number): Promise<{ root: Pushed; all: Pushed[] }> {
      const images = [];
      for (let count = 1 + random(3); count > 0; count--) images.push(await staging.image());
      const all = [...images];
      let root = images[0]!;
      if (images.length > 1) {
        root = await staging.index(images);
        all.push(root);
        if (random(2) === 0) {
          root = await staging.index([root]);
          all.push(root);
        }
      }
      const signed = new Set<string>();
      for (let count = 1 + random(4); count > 0; count--) {
        const subject = all[random(all.length)]!;
        if (random(2) === 0) {
          if (!signed.has(subject.digest)) all.push(await staging.signature(subject));
          signed.add(subject.digest);
        } else if (!referred.has(subject.digest)) {
          const sbom = await staging.image({ subject });
          all.push(sbom);
          referred.add(subject.digest);
          // The list that a client keeps where the registry keeps none.
          if (kind === "distribution") {
            const tag = subject.digest.replace(":", "-");
            await staging.manifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests: [sbom] }, [tag]);
          }
        }
      }
      return { root, all };
    }
    const referred = new Set<string>();
  });
}

/** Numbers from 0 to below `below`, the same for the same seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
