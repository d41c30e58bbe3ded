/**
 * Users report drift that never ends: what a refresh shows is what the next run changes, and after it nothing is left. On generated trees of images, indexes
 * and attachments, by tag and by referrer, of which somebody changes something in one mirror.
 *
 * `ARTIFACTS_DRIFT_SEEDS=300 npm test -- reports/drift-is-true` tries more trees; `=7-7` only the seventh.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import { everyDigest } from "../../../components/promotion/run/deep-share.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { head, inspect, type Pushed, Pusher } from "../../support/registries.ts";
import { hasReferrers, listingKinds, type RegistryPair, startRegistryPair } from "../../support/registry-pair.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const deep: Context = { ...context, deep: everyDigest };

/** The seeds to try; by default those that found faults in a few seconds. */
function seeds(): number[] {
  const [, from = "1", to] = /^(?:(\d+)-)?(\d+)$/.exec(process.env["ARTIFACTS_DRIFT_SEEDS"] ?? "2") ?? [];
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index);
}

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

    for (const seed of seeds()) {
      it(`seed ${seed}: promoted whole; what somebody changes is shown, mended by the next run, and shown no more`, async () => {
        const random = generator(seed);
        const tree = await pushTree(new Pusher(hosts[0]!, `p/staging-s${seed}/app`), random);
        const repository = `p/images/s${seed}/app`;
        const request: ImagesRequest = {
          project: `s${seed}`,
          images: tree.roots.map(({ digest }, index) => `app:v${index + 1} ${digest}\n`).join(""),
          prefix: `s${seed}`,
          staging: `${hosts[0]}/p/staging-s${seed}`,
          mirrors: hosts.map((host, index) => ({ name: `m${index}`, repository: `${host}/p/images` })),
          layerMirrors: [],
          mutableTags: [],
          removalShare: 1,
          storage: {},
        };
        const isWhole = async (when: string) => {
          const found = await promotion.takeInventory(request, { ...deep, attached: outcome.attached });
          assert.deepEqual([found.failures, found.incomplete, found.notes ?? []], [[], {}, []], when);
          assert.equal(found.text, request.images, when);
          for (const host of hosts) {
            for (const { digest } of tree.all)
              assert.equal(await head(host, repository, digest), digest, `${when}: ${digest} in ${host}`);
            for (const [index, { digest }] of tree.roots.entries())
              assert.equal(await head(host, repository, `v${index + 1}`), digest, `${when}: v${index + 1} in ${host}`);
          }
          const [canonical, other] = await Promise.all(hosts.map((host) => inspect(host, repository)));
          assert.deepEqual(other, canonical, `${when}: the tags of both mirrors`);
        };
        assert.deepEqual((await promotion.preview(request, undefined, context)).errors, []);
        const outcome = await promotion.promote(request, undefined, context);
        assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
        const { attached } = outcome;
        await isWhole("after the promotion");

        for (let changes = 0; changes < 3; changes++) {
          const what = await changeSomething(hosts[1]!, repository, tree, random);
          const found = await promotion.takeInventory(request, { ...context, attached });
          assert.deepEqual([found.failures, Object.keys(found.incomplete)], [[], ["m1"]], what);
          const previous = { request, incomplete: found.incomplete, attached: found.attached };
          const planned = await promotion.preview(request, previous, context);
          assert.deepEqual(planned.errors, [], what);
          assert.notEqual(planned.lines.length, 0, what);
          const mended = await promotion.promote(request, previous, context);
          assert.deepEqual([mended.failures, mended.incomplete], [[], {}], what);
          assert.notEqual(mended.summary, "nothing to do", what);
          await isWhole(`after ${what}`);
        }
      });
    }

    it("what is attached is recorded: what every mirror has lost, what is replaced and what nobody promoted is shown, mended, and shown no more", async () => {
      const staging = new Pusher(hosts[0]!, "p/staging-recorded/app");
      const image = await staging.image({ tags: ["v1"] });
      const signature = await staging.signature(image);
      const sbom = await staging.image({ subject: image });
      if (!hasReferrers(kind)) await listReferrer(staging, image, sbom);
      const repository = "p/images/recorded/app";
      const request: ImagesRequest = {
        project: "recorded",
        images: `app:v1 ${image.digest}\n`,
        prefix: "recorded",
        staging: `${hosts[0]}/p/staging-recorded`,
        mirrors: hosts.map((host, index) => ({ name: `m${index}`, repository: `${host}/p/images` })),
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        storage: {},
      };
      const promoted = await promotion.promote(request, undefined, context);
      assert.deepEqual([promoted.failures, promoted.incomplete], [[], {}]);
      let attached = promoted.attached!;
      const inventory = (of = context) => promotion.takeInventory(request, { ...of, attached });
      const isClean = async (when: string) => {
        const found = await inventory();
        assert.deepEqual([found.failures, found.incomplete, found.notes ?? []], [[], {}, []], when);
        assert.equal(found.attached, attached, when);
      };
      /** The note of an inventory and the lines of a preview; then the run mends it. */
      const mended = async (mirrors: readonly string[], of = context) => {
        const found = await inventory(of);
        assert.deepEqual([found.failures, Object.keys(found.incomplete)], [[], mirrors]);
        const previous = { request, incomplete: found.incomplete, attached };
        const preview = await promotion.preview(request, previous, context);
        // A list of referrers in staging may outlive what it names.
        const warnings = preview.warnings.filter((line) => !line.includes("it is in none of the places"));
        assert.deepEqual([preview.errors, warnings], [[], []]);
        const outcome = await promotion.promote(request, previous, context);
        assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
        attached = outcome.attached!;
        return { notes: found.notes, lines: preview.attachments };
      };
      const remove = async (host: string, name: string, { digest }: Pushed) => {
        const url = `http://${host}/v2/${name}/manifests`;
        await fetch(`${url}/${digest}`, { method: "DELETE", headers: { "x-force": "yes" } });
        // Crane's registry keeps it under its tags.
        const { tags } = kind === "crane" ? await inspect(host, name) : { tags: {} };
        for (const [tag, each] of Object.entries(tags))
          if (each === digest) await fetch(`${url}/${tag}`, { method: "DELETE" });
      };
      const short = ({ digest }: Pushed) => `${digest.slice(0, "sha256:".length + 24)}...`;
      await isClean("after the promotion");

      for (const host of hosts) await remove(host, repository, signature);
      const restored = await mended(["m0", "m1"]);
      assert.ok(restored.notes?.includes(`- signature ${short(signature)} of app:v1 is in no mirror any more`));
      assert.deepEqual(restored.lines, [], "staging has it: production neither gains nor loses");
      for (const host of hosts) assert.equal(await head(host, repository, signature.digest), signature.digest);
      await isClean("restored from staging");

      for (const host of hosts) await remove(host, repository, sbom);
      await remove(hosts[0]!, "p/staging-recorded/app", sbom);
      const lost = await mended(["m0", "m1"]);
      assert.deepEqual(lost.notes, [`- SBOM ${short(sbom)} of app:v1 is in no mirror any more`]);
      assert.deepEqual(lost.lines, [`- SBOM ${short(sbom)} of app:v1, which no place has any more`]);
      await isClean("without what is lost");

      const other = new Pusher(hosts[1]!, repository);
      const stray = await other.image({ subject: image });
      if (!hasReferrers(kind)) await listReferrer(other, image, stray);
      const removed = await mended(["m1"]);
      assert.deepEqual(removed.notes, [
        `- attachment ${stray.digest} of app:v1 is in m1, and nobody promoted it: the run removes it`,
      ]);
      assert.deepEqual(removed.lines, [`- attachment ${stray.digest} of app:v1, which nobody promoted`]);
      for (const host of hosts) assert.equal(await head(host, repository, stray.digest), undefined);
      await isClean("without what nobody promoted");

      // In every mirror alike: Google's lists do not tell it from an image of an index.
      const text = Buffer.from("{}");
      const alike = [];
      for (const host of hosts) {
        const at = new Pusher(host, repository);
        const sbom = await at.manifest({
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          artifactType: "application/spdx+json",
          config: { ...(await at.blob(text)), mediaType: "application/vnd.oci.empty.v1+json" },
          layers: [{ ...(await at.blob(text)), mediaType: "application/spdx+json" }],
          subject: image,
        });
        if (!hasReferrers(kind)) await listReferrer(at, image, sbom);
        alike.push(sbom);
      }
      assert.equal(alike[0]!.digest, alike[1]!.digest);
      const everywhere = await mended(["m0", "m1"], deep);
      assert.deepEqual(everywhere.notes, [
        `- attachment ${alike[0]!.digest} of app:v1 is in m0, m1, and nobody promoted it: the run removes it`,
      ]);
      for (const host of hosts) assert.equal(await head(host, repository, alike[0]!.digest), undefined);
      await isClean("without what nobody promoted, which every mirror had");

      const forged = await other.signature(image);
      assert.notEqual(forged.digest, signature.digest);
      await mended(["m1"]);
      const tag = `${image.digest.replace(":", "-")}.sig`;
      for (const host of hosts) assert.equal(await head(host, repository, tag), signature.digest);
      assert.equal(await head(hosts[1]!, repository, forged.digest), undefined);
      await isClean("with the signature that was promoted");
    });

    /** What a client does where the registry keeps no list of referrers. */
    async function listReferrer(at: Pusher, subject: Pushed, referrer: Pushed): Promise<void> {
      const mediaType = "application/vnd.oci.image.index.v1+json";
      await at.manifest({ mediaType, manifests: [referrer] }, [subject.digest.replace(":", "-")]);
    }

    /** What somebody else does to a mirror: loses a digest, takes a tag away or moves it, or adds an image. */
    async function changeSomething(
      host: string,
      repository: string,
      { roots, all }: Tree,
      random: (below: number) => number,
    ): Promise<string> {
      const url = `http://${host}/v2/${repository}/manifests`;
      const remove = async (reference: string, status: number) => {
        const gone = await fetch(`${url}/${reference}`, { method: "DELETE", headers: { "x-force": "yes" } });
        assert.equal(gone.status, status, `${reference}: ${await gone.text()}`);
      };
      // Distribution 2 cannot remove a tag alone.
      const kinds = ["loss", "loss", "move", "add", ...(kind === "distribution2" ? [] : ["untag"])];
      switch (kinds[random(kinds.length)]) {
        case "move": {
          const other = roots.length > 1 ? roots[1]! : all[0]!;
          if (other.digest === roots[0]!.digest) break;
          const headers = { accept: other.mediaType };
          const body = Buffer.from(await (await fetch(`${url}/${other.digest}`, { headers })).arrayBuffer());
          const put = await fetch(`${url}/v1`, { method: "PUT", body, headers: { "content-type": other.mediaType } });
          assert.equal(put.status, 201);
          return `v1 was moved to ${other.digest}`;
        }
        case "add": {
          const { digest } = await new Pusher(host, repository).image({ tags: ["stray"] });
          return `${digest} was added as stray`;
        }
        case "untag":
          await remove("v1", 202);
          return "v1 was removed";
      }
      const lost = all[random(all.length)]!;
      await remove(lost.digest, 202);
      // Crane's registry keeps it under its tags, where others lose these too.
      const { tags } = kind === "crane" ? await inspect(host, repository) : { tags: {} };
      for (const [tag, digest] of Object.entries(tags)) if (digest === lost.digest) await remove(tag, 202);
      return `${lost.digest} was lost`;
    }

    /** One or two roots, an image or an index, which may list indexes and share images; with signatures by tag and SBOMs by referrer, on any of them and on each other. */
    async function pushTree(staging: Pusher, random: (below: number) => number): Promise<Tree> {
      const images = [];
      for (let count = 1 + random(3); count > 0; count--) images.push(await staging.image());
      const all = [...images];
      const roots = [images[0]!];
      if (images.length > 1) {
        let root = await staging.index(images);
        all.push(root);
        if (random(2) === 0) {
          root = await staging.index([root]);
          all.push(root);
        }
        roots[0] = root;
        // Another release that has an image of the first.
        if (random(2) === 0) {
          const more = await staging.image();
          const other = await staging.index([images[0]!, more]);
          all.push(more, other);
          roots.push(other);
        }
      }
      const signed = new Set<string>();
      const referrers = new Map<string, Pushed[]>();
      for (let count = 1 + random(4); count > 0; count--) {
        const subject = all[random(all.length)]!;
        if (random(2) === 0) {
          if (!signed.has(subject.digest)) all.push(await staging.signature(subject));
          signed.add(subject.digest);
        } else {
          const sbom = await staging.image({ subject });
          all.push(sbom);
          referrers.set(subject.digest, [...(referrers.get(subject.digest) ?? []), sbom]);
        }
      }
      // The list that a client keeps where the registry keeps none.
      if (!hasReferrers(kind))
        for (const [subject, manifests] of referrers)
          await staging.manifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests }, [
            subject.replace(":", "-"),
          ]);
      return { roots, all };
    }
  });
}

interface Tree {
  /** What is promoted, as v1 and perhaps v2. */
  readonly roots: readonly Pushed[];
  readonly all: readonly Pushed[];
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
