/** Users report: drift that never ends, and attachments that never arrive, once attachments have attachments. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { head, type Pushed, Pusher } from "../../support/registries.ts";
import { hasReferrers, listingKinds, type RegistryPair, startRegistryPair } from "../../support/registry-pair.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

for (const kind of listingKinds) {
  describe(`attachments of attachments, on ${kind}`, () => {
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

    function requestFor(project: string, image: Pushed): ImagesRequest {
      return {
        project,
        images: `app:v1 ${image.digest}\n`,
        prefix: project,
        staging: `${hosts[0]}/p/staging-${project}`,
        mirrors: hosts.map((host, index) => ({ name: `m${index}`, repository: `${host}/p/images` })),
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        storage: {},
      };
    }

    async function isWhole(project: string, image: Pushed, attachments: readonly Pushed[]): Promise<void> {
      const request = requestFor(project, image);
      const outcome = await promotion.promote(request, undefined, context);
      assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
      for (const host of hosts) {
        for (const { digest } of attachments)
          assert.equal(await head(host, `p/images/${project}/app`, digest), digest, `${digest} in ${host}`);
      }
      const found = await promotion.takeInventory(request, context);
      assert.deepEqual([found.failures, found.incomplete], [[], {}], "no drift after a promotion");
    }

    it("a cosign signature of an SBOM that is a referrer, of an index's child too", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-signed/app");
      const child = await staging.image();
      const index = await staging.index([child]);
      const attachments = [];
      for (const subject of [index, child]) {
        const sbom = await referrer(staging, subject);
        attachments.push(sbom, await staging.signature(sbom));
      }
      await isWhole("signed", index, attachments);
    });

    it("a chain of six referrers", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-chain/app");
      const image = await staging.image();
      const chain = [image];
      for (let length = 0; length < 6; length++) chain.push(await referrer(staging, chain.at(-1)!));
      await isWhole("chain", image, chain);
    });

    // The limit is the same for every registry, and pushing a chain takes its time.
    if (kind === "olareg")
      it("a chain that is too long is said, and nothing is cut without a word", async () => {
        const staging = new Pusher(hosts[0]!, "p/staging-long/app");
        const image = await staging.image();
        let last = image;
        for (let length = 0; length < 18; length++) last = await referrer(staging, last);
        const { failures } = await promotion.promote(requestFor("long", image), undefined, context);
        assert.match(failures.join("\n"), /chain of more than 16 attachments of attachments/);
      });

    /** A referrer, listed under the fallback tag where the registry does not list it. */
    async function referrer(staging: Pusher, subject: Pushed): Promise<Pushed> {
      const sbom = await staging.image({ subject });
      if (!hasReferrers(kind)) {
        const tag = subject.digest.replace(":", "-");
        await staging.manifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests: [sbom] }, [tag]);
      }
      return sbom;
    }
  });
}
