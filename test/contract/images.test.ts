import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import {
  head,
  inspect,
  Pusher,
  pull,
  type RegistryKind,
  referrers,
  startRegistry,
  type TestRegistry,
} from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

for (const kind of ["olareg", "distribution"] satisfies RegistryKind[]) {
  describe(`images, on ${kind}`, () => {
    let registries: TestRegistry[];
    let hosts: string[];
    const requests: string[] = [];
    const promotion = imagePromotion({
      onRequest: (method, url) => requests.push(`${method} ${new URL(url).pathname}`),
    });
    before(async () => {
      registries = await Promise.all([kind, kind, kind].map((each) => startRegistry(each)));
      hosts = registries.map(({ host }) => host);
    });
    after(async () => {
      await promotion.close();
      await Promise.all(registries.map((registry) => registry.remove()));
    });

    /** A request for a project that no other test has. */
    const requestFor = (project: string, images: string): ImagesRequest => ({
      project,
      images,
      prefix: project,
      staging: `${hosts[0]}/p/staging-${project}`,
      mirrors: hosts.map((host, index) => ({ name: `mirror-${index}`, repository: `${host}/p/images` })),
      layerMirrors: [],
      mutableTags: ["latest"],
      removalShare: 1,
      storage: {},
    });

    it("promotes an index with signatures and referrers to all mirrors, and removes them", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-whole/app");
      const children = [await staging.image(), await staging.image()];
      const index = await staging.index(children);
      await staging.signature(index);
      await staging.signature(children[0]!, "att");
      const sbom = await staging.image({ subject: index });
      if (kind === "distribution") {
        await staging.manifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests: [sbom] }, [
          index.digest.replace(":", "-"),
        ]);
      }
      const request = requestFor("whole", `app:v1 ${index.digest}\napp:v1.0 ${index.digest}\n`);
      const outcome = await promotion.promote(request, undefined, context);
      assert.deepEqual(outcome.failures, []);
      assert.deepEqual(outcome.incomplete, {});
      for (const host of hosts) {
        const { tags } = await inspect(host, "p/images/whole/app");
        assert.equal(tags["v1"], index.digest);
        assert.equal(tags["v1.0"], index.digest);
        assert.ok(tags[`${index.digest.replace(":", "-")}.sig`]);
        assert.ok(tags[`${children[0]!.digest.replace(":", "-")}.att`]);
        assert.deepEqual(await referrers(host, "p/images/whole/app", index.digest), [sbom.digest]);
        await pull(`${host}/p/images/whole/app:v1`);
      }

      requests.length = 0;
      const again = await promotion.promote(request, { request, incomplete: {} }, context);
      assert.deepEqual([again.summary, requests], ["nothing to do", []]);

      const removed = await promotion.remove({ request, incomplete: {} }, context);
      assert.deepEqual(removed.failures, []);
      assert.deepEqual(removed.incomplete, {});
      for (const host of hosts) {
        assert.deepEqual(await inspect(host, "p/images/whole/app"), { tags: {} });
        for (const { digest } of [index, ...children, sbom]) {
          assert.equal(await head(host, "p/images/whole/app", digest), undefined);
        }
      }
    });

    it("sends an empty repository only a list request, whatever an interrupted run left there", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-empty/app");
      const children = [await staging.image(), await staging.image()];
      const index = await staging.index(children);
      const image = await staging.image();
      const left = new Pusher(hosts[1]!, "p/images/empty/app");
      await left.image();
      const request = requestFor("empty", `app:v1 ${index.digest}\napp:v2 ${image.digest}\n`);
      requests.length = 0;
      assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
      const asked = requests.filter((line) => line.includes("/p/images/empty/") && !/^(PUT|POST|PATCH)/.test(line));
      assert.deepEqual(asked, Array(3).fill("GET /v2/p/images/empty/app/tags/list"));
      for (const host of hosts) {
        assert.deepEqual((await inspect(host, "p/images/empty/app")).tags, { v1: index.digest, v2: image.digest });
        for (const tag of ["v1", "v2"]) await pull(`${host}/p/images/empty/app:${tag}`);
      }
    });

    it("streams a large layer to all mirrors", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-large/app");
      const image = await staging.image({ layers: [randomBytes(30 * 1024 * 1024)] });
      const request = requestFor("large", `app@${image.digest}\n`);
      const outcome = await promotion.promote(request, undefined, context);
      assert.deepEqual(outcome.failures, []);
      for (const host of hosts) await pull(`${host}/p/images/large/app@${image.digest}`);
    });

    it("sends no request for unchanged images", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-add/app");
      const old = [await staging.image(), await staging.image()];
      const before = requestFor("add", old.map(({ digest }, index) => `app:v${index} ${digest}\n`).join(""));
      assert.deepEqual((await promotion.promote(before, undefined, context)).failures, []);
      const added = await staging.image();
      const request = { ...before, images: `${before.images}app:v9 ${added.digest}\n` };
      requests.length = 0;
      const outcome = await promotion.promote(request, { request: before, incomplete: {} }, context);
      assert.deepEqual(outcome.failures, []);
      for (const { digest } of old) assert.ok(!requests.some((line) => line.includes(digest)), requests.join("\n"));
      assert.ok(!requests.some((line) => /v0|v1|tags/.test(line)), requests.join("\n"));
      for (const host of hosts) assert.equal((await inspect(host, "p/images/add/app")).tags["v9"], added.digest);
    });
  });
}
