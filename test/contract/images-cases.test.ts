/** What a promotion of images does in the cases that projects meet; those of the peers' trackers first. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, Differences, ImagesRequest, Outcome, Previous } from "../../components/promotion/run/request.ts";
import { joinLines } from "../../components/promotion/text/join-lines.ts";
import { type GoogleFront, startGoogleFront } from "../support/google-front.ts";
import {
  head,
  inspect,
  Pusher,
  pull,
  referrers,
  sha256,
  startRegistry,
  type TestRegistry,
} from "../support/registries.ts";
import { withShortPauses } from "../support/short-pauses.ts";

for (const kind of ["olareg", "google"])
  describe(kind === "google" ? "a registry like Google's" : kind, () => {
    withShortPauses();
    let registries: TestRegistry[];
    let hosts: string[];
    const requests: string[] = [];
    const promotion = imagePromotion({
      onRequest: (method, url) => requests.push(`${method} ${new URL(url).host}${new URL(url).pathname}`),
      rules: { probes: [20, 50], resting: 50 },
    });
    const context: Context = { signal: new AbortController().signal, report: () => {} };

    const fronts: GoogleFront[] = [];
    before(async () => {
      registries = await Promise.all([startRegistry("olareg"), startRegistry("olareg"), startRegistry("olareg")]);
      if (kind === "google") for (const { host } of registries) fronts.push(await startGoogleFront(() => host));
      hosts = (kind === "google" ? fronts : registries).map(({ host }) => host);
    });
    after(async () => {
      await promotion.close();
      await Promise.all(fronts.map((front) => front.close()));
      await Promise.all(registries.map((registry) => registry.remove()));
    });

    let projects = 0;

    /** A project of its own for a test: its staging, its production, and what the last run left. */
    class Project {
      readonly name = `p${projects++}`;
      last: Previous<ImagesRequest> | undefined;
      mutableTags: string[] = [];
      removalShare = 1;
      mirrors = hosts.map((host, index) => ({ name: `m${index}`, repository: `${host}/images` }));

      staging(image = "app"): Pusher {
        return new Pusher(hosts[0]!, `staging/${this.name}/${image}`);
      }

      production(host: string, image = "app"): Pusher {
        return new Pusher(host, this.repository(image));
      }

      repository(image = "app"): string {
        return `images/${this.name}/${image}`;
      }

      request(...lines: string[]): ImagesRequest {
        return {
          project: this.name,
          images: joinLines(lines),
          prefix: this.name,
          staging: `${hosts[0]}/staging/${this.name}`,
          mirrors: this.mirrors,
          layerMirrors: [],
          mutableTags: this.mutableTags,
          removalShare: this.removalShare,
          storage: {},
        };
      }

      preview(...lines: string[]) {
        return promotion.preview(this.request(...lines), this.last, context);
      }

      /** Runs, and remembers what it left as the state does. */
      async run(...lines: string[]): Promise<Outcome> {
        const request = this.request(...lines);
        requests.length = 0;
        const outcome = await promotion.promote(request, this.last, context);
        this.last = { request, incomplete: outcome.incomplete };
        return outcome;
      }

      /** Runs, and expects no failure. */
      async promotes(...lines: string[]): Promise<Outcome> {
        const outcome = await this.run(...lines);
        assert.deepEqual(outcome.failures, []);
        assert.deepEqual(outcome.incomplete, {});
        return outcome;
      }

      /** `pulumi refresh`. */
      async refresh(): Promise<Differences> {
        const inventory = await promotion.takeInventory(this.last!.request, context);
        assert.deepEqual(inventory.failures, []);
        this.last = { request: this.last!.request, incomplete: inventory.incomplete };
        return inventory.incomplete;
      }

      /** Expects exactly these tags in every mirror. */
      async holds(tags: Record<string, string>, image = "app"): Promise<void> {
        for (const { repository } of this.mirrors) {
          const host = repository.split("/")[0]!;
          assert.deepEqual((await inspect(host, this.repository(image))).tags, tags, host);
        }
      }

      async expireStaging(image: string, ...digests: string[]): Promise<void> {
        for (const digest of digests) await remove(hosts[0]!, `staging/${this.name}/${image}`, digest);
      }
    }

    async function remove(host: string, repository: string, reference: string): Promise<void> {
      const url = `http://${host}/v2/${repository}/manifests/${reference}`;
      const response = await fetch(url, { method: "DELETE", headers: { "x-force": "yes" } });
      assert.equal(response.status, 202, response.url);
    }

    describe("additions", () => {
      it("26: a digest that exists nowhere fails preview and run, for this digest only", async () => {
        const project = new Project();
        const real = await project.staging().image();
        const lost = `sha256:${"1".repeat(64)}`;
        const lines = [`app:v1 ${real.digest}`, `app:v2 ${lost}`];
        const { errors } = await project.preview(...lines);
        assert.equal(errors.length, 1);
        assert.match(
          errors[0]!,
          new RegExp(`^project ${project.name}, image app:v2 ${lost}: .* is not in .*: push it to staging again`),
        );
        const outcome = await project.run(...lines);
        assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
        assert.match(outcome.failures[0]!, new RegExp(`image app@${lost}, mirror m0, m1, m2: ${lost} is not in`));
        await project.holds({ v1: real.digest });
        assert.deepEqual(
          outcome.incomplete,
          Object.fromEntries(["m0", "m1", "m2"].map((m) => [m, `+ app:v2 ${lost}\n`])),
        );
      });

      it("40: one of many digests cannot be copied: it is reported, and the others are complete with signatures", async () => {
        const project = new Project();
        const lost = randomBytes(700);
        const lines: string[] = [];
        const tags: Record<string, string> = {};
        for (let index = 0; index < 20; index++) {
          const layers = index === 7 ? [lost] : undefined;
          const image = await project.staging().image(layers ? { layers } : {});
          const signature = await project.staging().signature(image);
          lines.push(`app:v${index} ${image.digest}`);
          if (layers) continue;
          tags[`v${index}`] = image.digest;
          tags[`${image.digest.replace(":", "-")}.sig`] = signature.digest;
        }
        const blob = `http://${hosts[0]}/v2/staging/${project.name}/app/blobs/${sha256(lost)}`;
        assert.equal((await fetch(blob, { method: "DELETE" })).status, 202);
        const outcome = await project.run(...lines);
        const [line] = lines.slice(7);
        assert.deepEqual(outcome.failures, [
          `project ${project.name}, image ${line!.replace(/:v7 /, "@")}, mirror m0, m1, m2: blob ${sha256(lost)} is in none of the places that were tried`,
        ]);
        await project.holds(tags);
      });

      it("27, 32, 43: a new tag is one PUT per mirror, even after staging has expired", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v0 ${digest}`);
        await project.expireStaging("app", digest);
        const { lines } = await project.preview(`app:v0 ${digest}`, `app:v1 ${digest}`);
        assert.deepEqual(lines, [`tag app@${digest} as v1 in m0, m1, m2`]);
        await project.promotes(`app:v0 ${digest}`, `app:v1 ${digest}`);
        assert.equal(requests.filter((line) => line.startsWith("PUT")).length, 3, requests.join("\n"));
        await project.holds({ v0: digest, v1: digest });
      });

      it("28, 67: no change sends no request, even with empty staging", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        await project.expireStaging("app", digest);
        await project.promotes(`app:v1 ${digest}`);
        assert.deepEqual(requests, []);
      });

      it("29, 30: a tag with another digest in one mirror is not moved", async () => {
        const project = new Project();
        const ours = await project.staging().image();
        const foreign = await project.production(hosts[1]!).image({ tags: ["v1"] });
        const { errors } = await project.preview(`app:v1 ${ours.digest}`);
        assert.equal(errors.length, 1);
        assert.match(errors[0]!, /image app:v1, mirror m1: the tag is on sha256:.* not declared mutable/);
        const outcome = await project.run(`app:v1 ${ours.digest}`);
        assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
        assert.equal((await inspect(hosts[0]!, project.repository())).tags["v1"], ours.digest);
        assert.equal((await inspect(hosts[1]!, project.repository())).tags["v1"], foreign.digest);
        assert.deepEqual(outcome.incomplete, { m1: `+ app:v1 ${ours.digest}\n- app@${ours.digest}\n` });
      });

      it("29: the manifest must not move a promoted tag", async () => {
        const project = new Project();
        const [a, b] = [await project.staging().image(), await project.staging().image()];
        await project.promotes(`app:v1 ${a.digest}`);
        const { errors } = await project.preview(`app:v1 ${b.digest}`);
        assert.match(errors.join("\n"), /tag app:v1 would move from .*mutableTags/);
        await assert.rejects(project.run(`app:v1 ${b.digest}`), /would move/);
        await project.holds({ v1: a.digest });
      });

      it("a tag of a promotion that never succeeded may be corrected", async () => {
        const project = new Project();
        await project.run(`app:v1 sha256:${"2".repeat(64)}`);
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        await project.holds({ v1: digest });
      });

      it("31: a mutable tag moves, and the old digest is removed", async () => {
        const project = new Project();
        project.mutableTags = ["lat*"];
        project.removalShare = 0.2;
        const [a, b] = [await project.staging().image(), await project.staging().image()];
        await project.promotes(`app:latest ${a.digest}`);
        await project.promotes(`app:latest ${b.digest}`);
        await project.holds({ latest: b.digest });
        for (const host of hosts) assert.equal(await head(host, project.repository(), a.digest), undefined);
      });

      it("33: an index with a child missing in staging is completed from production", async () => {
        const project = new Project();
        const child = await project.staging().image();
        const other = await project.staging().image();
        await project.promotes(`app@${child.digest}`);
        const index = await project.staging().index([child, other]);
        await project.expireStaging("app", child.digest);
        const lines = [`app@${child.digest}`, `app:v1 ${index.digest}`];
        assert.deepEqual((await project.preview(...lines)).errors, []);
        await project.promotes(...lines);
        for (const host of hosts) await pull(`${host}/${project.repository()}:v1`);
      });

      it("34: an index with a child that exists nowhere fails in the preview", async () => {
        const project = new Project();
        const child = await project.staging().image();
        const index = await project.staging().index([child]);
        await project.expireStaging("app", child.digest);
        const { errors } = await project.preview(`app:v1 ${index.digest}`);
        assert.equal(errors.length, 1);
        assert.match(errors[0]!, new RegExp(`${child.digest}, which ${index.digest} lists, is not in`));
      });

      it("35: an index that drops a platform is a warning", async () => {
        const project = new Project();
        const children = [await project.staging().image(), await project.staging().image()];
        const full = await project.staging().index(children);
        await project.promotes(`app:v1.9.0 ${full.digest}`);
        const less = await project.staging().index(children.slice(0, 1));
        const lacks = (
          lines: readonly string[],
          [tag, { digest }]: readonly [string, { digest: string }],
          lost: string,
        ) =>
          assert.deepEqual(lines, [
            `project ${project.name}, image "app": ${tag} ${digest} lacks ${lost}, which v1.9.0 has: check its build, or continue if that is intended`,
          ]);
        const { warnings, errors } = await project.preview(`app:v1.9.0 ${full.digest}`, `app:v1.10.0 ${less.digest}`);
        assert.deepEqual(errors, []);
        lacks(warnings, ["v1.10.0", less], "linux/arm64");
        const [plain] = children;
        const single = await project.preview(`app:v1.9.0 ${full.digest}`, `app:v1.9.1 ${plain!.digest}`);
        lacks(single.warnings, ["v1.9.1", plain!], "linux/amd64, linux/arm64");
        const arm = children[1]!;
        const both = await project.staging().index([...children, await project.staging().image()]);
        const { warnings: none } = await project.preview(
          `app:v1.9.0 ${full.digest}`,
          `app:v1.9.2 ${both.digest}`,
          `app:v1.9.2-arm64 ${arm.digest}`,
        );
        assert.deepEqual(none, [], "an image of one platform that a new index lists");
      });
    });

    describe("mirrors", () => {
      it("38: with one mirror down the others are completed, and the next run copies only what that mirror lacks", async () => {
        const project = new Project();
        const images = [
          await project.staging().image(),
          await project.staging().image(),
          await project.staging().image(),
        ];
        const lines = images.map(({ digest }, index) => `app:v${index} ${digest}`);
        await registries[2]!.stop();
        const outcome = await project.run(...lines);
        await registries[2]!.start();
        assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
        assert.match(
          outcome.failures[0]!,
          new RegExp(`^project ${project.name}, mirror m2: given up with 3 steps to go: .*unreachable`),
        );
        assert.deepEqual(Object.keys(outcome.incomplete), ["m2"]);
        await new Promise((resolve) => setTimeout(resolve, 60)); // as long as these rules let a dead host rest
        await project.promotes(...lines);
        assert.deepEqual(
          requests.filter((line) => !/^(GET|HEAD)/.test(line) && !line.includes(hosts[2]!)),
          [],
        );
        await project.holds(Object.fromEntries(images.map(({ digest }, index) => [`v${index}`, digest])));
      });

      it("42: a new region is filled from the others when staging has expired, with signatures", async () => {
        const project = new Project();
        project.mirrors = project.mirrors.slice(0, 2);
        const image = await project.staging().image();
        const signature = await project.staging().signature(image);
        const sbom = await project.staging().image({ subject: image });
        await project.promotes(`app:v1 ${image.digest}`);
        await project.expireStaging("app", image.digest, signature.digest, sbom.digest);
        project.mirrors = new Project().mirrors;
        await project.promotes(`app:v1 ${image.digest}`);
        await pull(`${hosts[2]}/${project.repository()}:v1`);
        await project.holds({ v1: image.digest, [`${image.digest.replace(":", "-")}.sig`]: signature.digest });
        assert.deepEqual(await referrers(hosts[2]!, project.repository(), image.digest), [sbom.digest]);
      });

      it("a blob that two images share is sent once to each mirror", async () => {
        const project = new Project();
        const layer = randomBytes(2_000_000);
        const a = await project.staging("a").image({ layers: [layer] });
        const b = await project.staging("b").image({ layers: [layer] });
        await project.promotes(`a:v1 ${a.digest}`, `b:v1 ${b.digest}`);
        const mounted = requests.filter((line) => /^POST/.test(line)).length;
        assert.ok(mounted > 0);
        for (const host of hosts) for (const image of ["a", "b"]) await pull(`${host}/${project.repository(image)}:v1`);
      });
    });

    describe("removal", () => {
      it("44: a renamed image exists under the new name before the old one is removed", async () => {
        const project = new Project();
        const { digest } = await project.staging("new").image();
        const same = await fetch(`http://${hosts[0]}/v2/staging/${project.name}/new/manifests/${digest}`);
        assert.equal(same.status, 200);
        const old = project.production(hosts[0]!, "old");
        assert.ok(old);
        // Both names are pushed to staging, as a project in the middle of a renaming does.
        const layers = [randomBytes(500)];
        const image = await project.staging("old").image({ layers });
        await project.promotes(`old:v1 ${image.digest}`);
        const { lines } = await project.preview(`new:v1 ${digest}`);
        assert.deepEqual(
          lines.map((line) => line.split(" ")[0]),
          ["copy", "remove", "remove"],
        );
        await project.promotes(`new:v1 ${digest}`);
        await project.holds({ v1: digest }, "new");
        await project.holds({}, "old");
      });

      it("beforeRemoval is called once, after all additions and before the first removal", async () => {
        const project = new Project();
        const [old, kept, added] = await Promise.all([1, 2, 3].map(() => project.staging().image()));
        const [before, after] = [
          [`app:v1 ${old!.digest}`, `app:v2 ${kept!.digest}`, `app:also ${kept!.digest}`],
          [`app:v2 ${kept!.digest}`, `app:v3 ${added!.digest}`],
        ];
        let told = 0;
        const run = async (lines: string[], beforeRemoval: () => Promise<void>): Promise<void> => {
          const request = project.request(...lines);
          const outcome = await promotion.promote(request, project.last, { ...context, beforeRemoval });
          assert.deepEqual(outcome.failures, []);
          project.last = { request, incomplete: outcome.incomplete };
        };
        const nothingGoes = () => assert.fail("nothing goes");
        await run(before, nothingGoes);
        await run(after, async () => {
          told++;
          const [v1, also] = [old!.digest, kept!.digest];
          await project.holds({ v1, also, v2: kept!.digest, v3: added!.digest });
        });
        assert.equal(told, 1);
        await project.holds({ v2: kept!.digest, v3: added!.digest });
        await run([...after, `app:v4 ${added!.digest}`], nothingGoes);
      });

      it("44: a digest whose copy under the new name fails stays under the old one", async () => {
        const project = new Project();
        const { digest } = await project.staging("old").image();
        await project.promotes(`old:v1 ${digest}`);
        await project.expireStaging("old", digest);
        const outcome = await project.run(`new:v1 ${digest}`);
        assert.match(
          outcome.failures.join("\n"),
          /image old@.*kept, because its copy under another name is not complete/,
        );
        for (const host of hosts) assert.equal(await head(host, project.repository("old"), digest), digest);
      });

      it("45: a removed tag is deleted everywhere, its digest stays", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`, `app:v2 ${digest}`);
        await project.promotes(`app:v1 ${digest}`);
        await project.holds({ v1: digest });
      });

      it("46: a digest that a wanted index lists loses its tag only", async () => {
        const project = new Project();
        const child = await project.staging().image();
        const index = await project.staging().index([child]);
        await project.promotes(`app:v1 ${index.digest}`, `app:v1-amd64 ${child.digest}`);
        await project.promotes(`app:v1 ${index.digest}`);
        await project.holds({ v1: index.digest });
        for (const host of hosts) await pull(`${host}/${project.repository()}:v1`);
      });

      it("47: an image that shares layers with a removed one stays complete", async () => {
        const project = new Project();
        const layers = [randomBytes(3_000)];
        const [a, b] = [await project.staging().image({ layers }), await project.staging().image({ layers })];
        await project.promotes(`app:a ${a.digest}`, `app:b ${b.digest}`);
        await project.promotes(`app:b ${b.digest}`);
        await project.holds({ b: b.digest });
        for (const host of hosts) await pull(`${host}/${project.repository()}:b`);
      });

      it("48: refuses to empty a project, with the number of removals", async () => {
        const project = new Project();
        project.removalShare = 0.5;
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        await assert.rejects(
          project.run(),
          /would remove 2 of 2 tags and digests from production \(100%\), more than the 50%/,
        );
        await assert.rejects(promotion.remove(project.last!, context), /would remove/);
        await project.holds({ v1: digest });
      });

      it("49: a reverted removal whose staging has expired is a clear error", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        await project.promotes();
        await project.expireStaging("app", digest);
        const { errors } = await project.preview(`app:v1 ${digest}`);
        assert.match(errors.join("\n"), /is not in .*push it to staging again, or remove it from the manifest/);
      });

      it("50: a removal includes everything attached to the image or its children", async () => {
        const project = new Project();
        const kept = await project.staging().image();
        const child = await project.staging().image();
        const index = await project.staging().index([child]);
        const attached = [
          await project.staging().signature(index),
          await project.staging().signature(child, "sbom"),
          await project.staging().image({ subject: child }),
        ];
        const signed = await project.staging().signature(attached[2]!);
        await project.promotes(`app:v1 ${kept.digest}`, `app:v2 ${index.digest}`);
        assert.equal(
          await head(hosts[1]!, project.repository(), signed.digest),
          signed.digest,
          "signatures of SBOMs travel",
        );
        await project.promotes(`app:v1 ${kept.digest}`);
        await project.holds({ v1: kept.digest });
        for (const host of hosts) {
          for (const { digest } of [index, child, ...attached, signed]) {
            assert.equal(await head(host, project.repository(), digest), undefined);
          }
        }
      });

      const sbomTag = ({ digest }: { digest: string }) => `${digest.replace(":", "-")}.sbom`;
      /** A project that has promoted two digests which share one SBOM. */
      const sharing = async () => {
        const project = new Project();
        const [a, b] = [await project.staging().image(), await project.staging().image()];
        const sbom = await project.staging().unsigned([sbomTag(a), sbomTag(b)], "sbom");
        await project.promotes(`app:a ${a.digest}`, `app:b ${b.digest}`);
        return { project, b, sbom };
      };

      it("an SBOM shared by two digests is removed with the last one", async () => {
        const { project, b, sbom } = await sharing();
        await project.promotes(`app:b ${b.digest}`);
        await project.holds({ b: b.digest, [sbomTag(b)]: sbom.digest });
        await project.promotes();
        await project.holds({});
        for (const host of hosts) assert.equal(await head(host, project.repository(), sbom.digest), undefined);
      });

      it("an SBOM shared by two digests is removed when both are removed at once", async () => {
        const { project, sbom } = await sharing();
        await project.promotes();
        await project.holds({});
        for (const host of hosts) assert.equal(await head(host, project.repository(), sbom.digest), undefined);
      });

      it("a signature or referrer promoted by itself is kept with its subject", async () => {
        const project = new Project();
        const image = await project.staging().image({ tags: ["v1"] });
        const signature = await project.staging().signature(image);
        const sbom = await project.staging().image({ subject: image });
        const tag = `${image.digest.replace(":", "-")}.sig`;
        const line = `app:v1 ${image.digest}`;
        await project.promotes(line, `app:${tag} ${signature.digest}`, `app@${sbom.digest}`);
        await project.promotes(line);
        await project.holds({ v1: image.digest, [tag]: signature.digest });
        for (const host of hosts) {
          assert.deepEqual(await referrers(host, project.repository(), image.digest), [sbom.digest]);
        }
        assert.deepEqual(await project.refresh(), {});
      });

      it("an interrupted removal is completed without staging, without orphans", async () => {
        const project = new Project();
        const [kept, gone, left] = [
          await project.staging().image(),
          await project.staging().image(),
          await project.staging().image(),
        ];
        const index = await project.staging().index([gone, left]);
        await project.promotes(`app:v1 ${index.digest}`, `app:kept ${kept.digest}`);
        await project.expireStaging("app", index.digest, gone.digest, left.digest);
        for (const host of hosts) await remove(host, project.repository(), gone.digest);
        await project.promotes(`app:kept ${kept.digest}`);
        await project.holds({ kept: kept.digest });
        for (const host of hosts) {
          for (const { digest } of [index, left])
            assert.equal(await head(host, project.repository(), digest), undefined);
        }
      });

      it("signatures whose tags form a cycle are promoted and removed", async () => {
        const project = new Project();
        const image = await project.staging().image();
        const one = await project.staging().signature(image);
        const other = await project.staging().signature(one);
        const tagOf = ({ digest }: { digest: string }) => `${digest.replace(":", "-")}.sig`;
        const base = `http://${hosts[0]}/v2/staging/${project.name}/app/manifests`;
        const headers = { accept: one.mediaType, "content-type": one.mediaType };
        const body = await (await fetch(`${base}/${one.digest}`, { headers })).arrayBuffer();
        assert.equal((await fetch(`${base}/${tagOf(other)}`, { method: "PUT", headers, body })).status, 201);
        await project.promotes(`app:v1 ${image.digest}`);
        const [first, second, round] = [tagOf(image), tagOf(one), tagOf(other)];
        await project.holds({ v1: image.digest, [first]: one.digest, [second]: other.digest, [round]: one.digest });
        assert.deepEqual(await project.refresh(), {});
        await project.promotes();
        await project.holds({});
        for (const host of hosts) {
          for (const { digest } of [image, one, other])
            assert.equal(await head(host, project.repository(), digest), undefined);
        }
      });

      it("a nested index is removed with all images of both indexes", async () => {
        const project = new Project();
        const [kept, inner, outer] = await Promise.all([1, 2, 3].map(() => project.staging().image()));
        const nested = await project.staging().index([inner!]);
        const index = await project.staging().index([nested, outer!]);
        await project.promotes(`app:kept ${kept!.digest}`, `app:v1 ${index.digest}`);
        await project.promotes(`app:kept ${kept!.digest}`);
        for (const host of hosts) {
          for (const { digest } of [index, nested, inner!, outer!])
            assert.equal(await head(host, project.repository(), digest), undefined, digest);
        }
      });

      if (kind === "google")
        it("images of an index deleted by an interrupted run are found in the list of untagged manifests", async () => {
          const project = new Project();
          const [kept, child, needed] = await Promise.all([1, 2, 3].map(() => project.staging().image()));
          const sbom = await project.staging().image({ subject: kept! });
          const index = await project.staging().index([child!, needed!]);
          const wanted = [`app:kept ${kept!.digest}`, `app@${needed!.digest}`];
          await project.promotes(...wanted, `app:v1 ${index.digest}`);
          await project.expireStaging("app", index.digest, child!.digest);
          for (const host of hosts) await remove(host, project.repository(), index.digest);
          await project.promotes(...wanted);
          for (const host of hosts) {
            assert.equal(await head(host, project.repository(), child!.digest), undefined);
            assert.equal(await head(host, project.repository(), needed!.digest), needed!.digest);
            assert.deepEqual(await referrers(host, project.repository(), kept!.digest), [sbom.digest]);
          }
        });

      it("a failed removal is repeated by the next run", async () => {
        const project = new Project();
        const [a, b] = [await project.staging().image(), await project.staging().image()];
        await project.promotes(`app:a ${a.digest}`, `app:b ${b.digest}`);
        await registries[1]!.stop();
        const outcome = await project.run(`app:b ${b.digest}`);
        await registries[1]!.start();
        assert.deepEqual(outcome.incomplete, { m1: `- app:a ${a.digest}\n` });
        await new Promise((resolve) => setTimeout(resolve, 60));
        await project.promotes(`app:b ${b.digest}`);
        await project.holds({ b: b.digest });
      });
    });

    describe("drift", () => {
      it("51: a tag that someone added is found and removed", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        const foreign = await project.production(hosts[2]!).image({ tags: ["evil"] });
        assert.deepEqual(await project.refresh(), { m2: `- app:evil ${foreign.digest}\n` });
        await project.promotes(`app:v1 ${digest}`);
        await project.holds({ v1: digest });
        assert.equal(await head(hosts[2]!, project.repository(), foreign.digest), undefined);
      });

      it("52: a tag and a digest lost in one mirror are restored from another", async () => {
        const project = new Project();
        const [a, b] = [await project.staging().image(), await project.staging().image()];
        const lines = [`app:a ${a.digest}`, `app:b ${b.digest}`];
        await project.promotes(...lines);
        await project.expireStaging("app", a.digest, b.digest);
        await remove(hosts[1]!, project.repository(), "a");
        await remove(hosts[1]!, project.repository(), b.digest);
        assert.deepEqual(await project.refresh(), {
          m1: `+ app:a ${a.digest}\n+ app:b ${b.digest}\n- app@${a.digest}\n`,
        });
        await project.promotes(...lines);
        await project.holds({ a: a.digest, b: b.digest });
        assert.deepEqual(await project.refresh(), {});
      });

      it("53: a tag moved by an attacker is restored", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        const evil = await project.production(hosts[0]!).image({ tags: ["v1"] });
        assert.deepEqual(await project.refresh(), {
          m0: `+ app:v1 ${digest}\n- app:v1 ${evil.digest}\n- app@${digest}\n`,
        });
        await project.promotes(`app:v1 ${digest}`);
        await project.holds({ v1: digest });
        assert.equal(await head(hosts[0]!, project.repository(), evil.digest), undefined);
      });

      it("a signature or referrer lost in one mirror is restored", async () => {
        const project = new Project();
        const image = await project.staging().image();
        const signature = await project.staging().signature(image);
        const sbom = await project.staging().image({ subject: image });
        await project.promotes(`app:v1 ${image.digest}`);
        assert.deepEqual(await project.refresh(), {});
        const tag = `${image.digest.replace(":", "-")}.sig`;
        await remove(hosts[1]!, project.repository(), tag);
        await remove(hosts[2]!, project.repository(), sbom.digest);
        assert.deepEqual(await project.refresh(), { m1: `~ app@${image.digest}\n`, m2: `~ app@${image.digest}\n` });
        await project.promotes(`app:v1 ${image.digest}`);
        await project.holds({ v1: image.digest, [tag]: signature.digest });
        assert.deepEqual(await referrers(hosts[2]!, project.repository(), image.digest), [sbom.digest]);
        assert.deepEqual(await project.refresh(), {});
      });

      it("an image of an index lost in one mirror is restored, and its signature lost in another", async () => {
        const project = new Project();
        const [lost, signed] = [await project.staging().image(), await project.staging().image()];
        const index = await project.staging().index([lost, signed]);
        const signature = await project.staging().signature(signed);
        await project.promotes(`app:v1 ${index.digest}`);
        assert.deepEqual(await project.refresh(), {});
        await remove(hosts[1]!, project.repository(), lost.digest);
        await remove(hosts[2]!, project.repository(), `${signed.digest.replace(":", "-")}.sig`);
        const incomplete = `~ app@${index.digest}\n`;
        assert.deepEqual(await project.refresh(), { m1: incomplete, m2: incomplete });
        await project.promotes(`app:v1 ${index.digest}`);
        await pull(`${hosts[1]}/${project.repository()}:v1`);
        await project.holds({ v1: index.digest, [`${signed.digest.replace(":", "-")}.sig`]: signature.digest });
        assert.deepEqual(await project.refresh(), {});
      });

      it("a signature without a subject is found and removed", async () => {
        const project = new Project();
        const { digest } = await project.staging().image();
        await project.promotes(`app:v1 ${digest}`);
        const orphan = await project.production(hosts[1]!).image({ tags: [`sha256-${"3".repeat(64)}.sig`] });
        assert.deepEqual(await project.refresh(), { m1: `- app:sha256-${"3".repeat(64)}.sig ${orphan.digest}\n` });
        await project.promotes(`app:v1 ${digest}`);
        await project.holds({ v1: digest });
      });
    });
  });
