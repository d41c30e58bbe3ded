import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, describe, it } from "mocha";
import { type ImagePromotionOptions, imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import { type FaultyProxy, first, firstOfEach, startFaultyProxy } from "../support/faulty-proxy.ts";
import {
  head,
  layersOf,
  Pusher,
  pull,
  type RegistryKind,
  startRegistry,
  type TestRegistry,
  uploadHas,
} from "../support/registries.ts";
import { withShortPauses } from "../support/short-pauses.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const mebibyte = 1024 * 1024;

for (const kind of ["olareg", "distribution"] satisfies RegistryKind[]) {
  describe(`faults between us and ${kind}`, () => {
    withShortPauses();
    let registries: TestRegistry[];
    let source: FaultyProxy;
    let target: FaultyProxy;
    let promotion: ReturnType<typeof imagePromotion>;
    let project = 0;
    before(async () => {
      registries = await Promise.all([startRegistry(kind), startRegistry(kind), startRegistry(kind)]);
      source = await startFaultyProxy(registries[0]!.host);
      target = await startFaultyProxy(registries[1]!.host);
    });
    after(async () => {
      await promotion.close();
      await Promise.all([source.close(), target.close()]);
      await Promise.all(registries.map((registry) => registry.remove()));
    });
    afterEach(async () => {
      await promotion.close();
      for (const proxy of [source, target]) proxy.inject(() => undefined);
    });

    /** Stages one image in a project of its own; the second mirror is behind the faulty proxy, the third is sound. */
    async function stage(
      layerBytes: number,
      options: ImagePromotionOptions = {},
    ): Promise<{ request: ImagesRequest; digest: string; repository: string }> {
      promotion = imagePromotion(options);
      source.seen.length = 0;
      target.seen.length = 0;
      const name = `p${project++}`;
      const image = await new Pusher(registries[0]!.host, `staging/${name}/app`).image({
        layers: [randomBytes(layerBytes)],
      });
      const request: ImagesRequest = {
        project: name,
        images: `app:v1 ${image.digest}\n`,
        prefix: name,
        staging: `${source.host}/staging/${name}`,
        mirrors: [
          { name: "faulty", repository: `${target.host}/images` },
          { name: "sound", repository: `${registries[2]!.host}/images` },
        ],
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        storage: {},
      };
      return { request, digest: image.digest, repository: `images/${name}/app` };
    }

    async function promotes({ request, repository }: Awaited<ReturnType<typeof stage>>): Promise<void> {
      const outcome = await promotion.promote(request, undefined, context);
      assert.deepEqual(outcome.failures, []);
      assert.deepEqual(outcome.incomplete, {});
      for (const { host } of registries.slice(1)) await pull(`${host}/${repository}:v1`);
    }

    const isBlobRead = (method: string, url: string) => method === "GET" && /\/blobs\/sha256:/.test(url);
    /** The blob or manifest that a request commits. */
    const commit = (method: string, url: string): string | undefined => {
      const { pathname, searchParams } = new URL(url, "http://x");
      if (method !== "PUT" && method !== "POST") return undefined;
      return searchParams.get("digest") ?? (method === "PUT" ? pathname : undefined);
    };
    const largeUpload: Parameters<typeof firstOfEach>[1] = (method, url, headers) =>
      Number(headers["content-length"]) > 1_000 && url.includes("/uploads/") ? commit(method, url) : undefined;

    it("obeys 429 with Retry-After", async () => {
      const staged = await stage(2_000);
      const early: string[] = [];
      target.inject((method, url) => {
        if (performance.now() - target.seen[0]!.at > 950) return undefined;
        early.push(`${method} ${url}`);
        return { kind: "answer", status: 429, headers: { "retry-after": "1" } };
      });
      await promotes(staged);
      // What was on its way with the first is refused too; nothing is asked again before the second is over.
      assert.deepEqual(early, [...new Set(early)]);
    });

    it("takes an inventory in the mirrors' order, independent of which responds first", async () => {
      const { request, digest } = await stage(2_000);
      target.inject(first(1, () => true, { kind: "answer", status: 429, headers: { "retry-after": "1" } }));
      const { incomplete, failures } = await promotion.takeInventory(request, context);
      const differs = `+ app:v1 ${digest}\n`;
      assert.deepEqual(Object.entries(incomplete), [
        ["faulty", differs],
        ["sound", differs],
      ]);
      assert.deepEqual(failures, []);
    });

    it("retries 500, 502 and 503", async () => {
      const staged = await stage(2_000);
      const statuses = [500, 502, 503, 500];
      target.inject(() => {
        const status = statuses.shift();
        return status === undefined ? undefined : { kind: "answer", status };
      });
      await promotes(staged);
    });

    it("resumes an interrupted download", async () => {
      const staged = await stage(24 * mebibyte);
      source.inject(first(2, isBlobRead, { kind: "cut-answer", after: 5 * mebibyte }));
      await promotes(staged);
      const sent = source.seen
        .filter(({ method, url }) => isBlobRead(method, url))
        .reduce((sum, { sent }) => sum + sent, 0);
      assert.ok(sent < 26 * mebibyte, `${sent} bytes were read`);
    });

    for (const size of [50_000, 12 * mebibyte]) {
      it(`takes no download for all that ends early (${size} bytes): it goes on`, async () => {
        const staged = await stage(size);
        source.inject(first(2, isBlobRead, { kind: "shorten", to: 300 }));
        await promotes(staged);
      });
    }

    it("survives an upload interrupted in the middle", async () => {
      const staged = await stage(24 * mebibyte);
      const settled = uploadHas(registries[1]!.host, 10 * mebibyte);
      target.inject(first(1, (method) => method === "PATCH", { kind: "cut-request", after: 10 * mebibyte, settled }));
      await promotes(staged);
      const parts = target.seen
        .filter(({ method }) => method === "PATCH")
        .map(({ headers }) => headers["content-range"]);
      assert.deepEqual(
        parts,
        [undefined, `${10 * mebibyte}-${24 * mebibyte - 1}`],
        "the second begins where the first broke",
      );
    });

    it("restarts the upload at a registry that accepts no second chunk, like Artifact Registry", async () => {
      const staged = await stage(16 * mebibyte);
      let patches = 0;
      target.inject((method) => {
        if (method !== "PATCH") return undefined;
        patches++;
        if (patches === 1) {
          return { kind: "cut-request", after: 10 * mebibyte, settled: uploadHas(registries[1]!.host, 10 * mebibyte) };
        }
        return patches === 2 ? { kind: "answer", status: 400 } : undefined;
      });
      await promotes(staged);
      assert.equal(patches, 3);
    });

    const isResumption: Parameters<typeof firstOfEach>[1] = (method, _url, headers) =>
      method === "PATCH" && headers["content-range"] !== undefined ? "resumption" : undefined;
    const wholeOrRest = () =>
      target.seen.filter(({ method }) => method === "PATCH").map(({ headers }) => headers["content-range"] ?? "whole");
    const rest = `${5 * mebibyte}-${8 * mebibyte - 1}`;
    const resumptions = [
      { how: "refused with 416 once", times: 1, fault: { kind: "answer", status: 416 }, sent: ["whole", rest, rest] },
      {
        how: "refused with 416 always",
        times: 99,
        fault: { kind: "answer", status: 416 },
        sent: ["whole", rest, rest, "whole"],
      },
      {
        how: "refused by a closed connection",
        times: 99,
        fault: { kind: "cut-request", after: 0 },
        sent: ["whole", rest, rest, "whole"],
      },
    ] as const;
    for (const { how, times, fault, sent } of resumptions) {
      it(`an upload whose resumption is ${how} does not fail the mirror`, async () => {
        const staged = await stage(8 * mebibyte);
        const settled = uploadHas(registries[1]!.host, 5 * mebibyte);
        const cut = first(1, (method) => method === "PATCH", { kind: "cut-request", after: 5 * mebibyte, settled });
        const refuse = firstOfEach(times, isResumption, fault);
        target.inject((...request) => cut(request[0], request[1]) ?? refuse(...request));
        await promotes(staged);
        assert.deepEqual(wholeOrRest(), sent);
      });
    }

    it("resumes an upload only when its offset is stable: the registry may still be writing", async () => {
      const staged = await stage(8 * mebibyte);
      const settled = uploadHas(registries[1]!.host, 5 * mebibyte);
      const cut = first(1, (method) => method === "PATCH", { kind: "cut-request", after: 5 * mebibyte, settled });
      const early = [mebibyte, 2 * mebibyte];
      target.inject((method, url) => {
        if (method !== "GET" || !url.includes("/uploads/")) return cut(method, url);
        const offset = early.shift();
        return offset === undefined ? undefined : { kind: "headers", headers: { range: `0-${offset - 1}` } };
      });
      await promotes(staged);
      assert.deepEqual(early, []);
      assert.deepEqual(wholeOrRest(), ["whole", rest]);
    });

    it("survives interrupted small uploads and lost responses", async () => {
      const staged = await stage(200_000);
      // Four failures of one request at most: after six it is given up, and its mirror with it when none of the others fared better.
      const cutUpload = firstOfEach(2, largeUpload, { kind: "cut-request", after: 1_000 });
      const loseAnswer = firstOfEach(2, commit, { kind: "cut-answer", after: 0 });
      let cut = 0;
      const lost = new Set<string>();
      target.inject((...request) => {
        const cutting = cutUpload(...request);
        if (cutting) cut++;
        const losing = cutting ? undefined : loseAnswer(...request);
        if (losing) lost.add(commit(request[0], request[1])!);
        return cutting ?? losing;
      });
      await promotes(staged);
      assert.deepEqual([cut, lost.size], [2, 3], "the layer's upload is cut; layer, config and manifest lose answers");
    });

    it("does not time out on a slow transfer that makes progress", async () => {
      const staged = await stage(300_000, { stallTimeout: 2_000 });
      source.inject(first(9, isBlobRead, { kind: "slow", piece: 8_000, every: 80 }));
      const began = performance.now();
      await promotes(staged);
      assert.ok(performance.now() - began > 2_000, "it took longer than a connection may stand still");
    });

    for (const size of [50_000, 12 * mebibyte]) {
      it(`never commits a layer of ${size} bytes that arrives with another content`, async () => {
        const { request, digest, repository } = await stage(size);
        source.inject((method, url) => (isBlobRead(method, url) ? { kind: "corrupt", at: 77 } : undefined));
        const outcome = await promotion.promote(request, undefined, context);
        assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
        assert.match(
          outcome.failures[0]!,
          new RegExp(`^project ${request.project}, image app@${digest}, mirror faulty, sound: .*is not sha256:`),
        );
        for (const { host } of registries.slice(1)) assert.equal(await head(host, repository, digest), undefined);
        assert.deepEqual(Object.keys(outcome.incomplete), ["faulty", "sound"]);
        source.inject(() => undefined);
        const again = await promotion.promote(request, { request, incomplete: outcome.incomplete }, context);
        assert.deepEqual(again.failures, []);
        for (const { host } of registries.slice(1)) await pull(`${host}/${repository}:v1`);
      });
    }

    it("never accepts a manifest with different content", async () => {
      const { request, digest, repository } = await stage(2_000);
      const isManifest = (method: string, url: string) => method === "GET" && url.includes("/manifests/");
      source.inject((method, url) => (isManifest(method, url) ? { kind: "corrupt", at: 30 } : undefined));
      const outcome = await promotion.promote(request, undefined, context);
      assert.match(outcome.failures.join("\n"), /came as content with digest/);
      for (const { host } of registries.slice(1)) assert.equal(await head(host, repository, digest), undefined);
    });

    it("detects a registry that stores different content", async () => {
      const { request } = await stage(2_000);
      const other = `sha256:${"0".repeat(64)}`;
      target.inject((method, url) =>
        method === "PUT" && url.includes("/manifests/")
          ? { kind: "headers", headers: { "docker-content-digest": other } }
          : undefined,
      );
      const outcome = await promotion.promote(request, undefined, context);
      assert.match(outcome.failures.join("\n"), /faulty: .*stored sha256:[0-9a-f]+ as sha256:0000/);
      assert.deepEqual(Object.keys(outcome.incomplete), ["faulty"]);
    });

    it("does not slow down other mirrors for a slow one", async () => {
      const staged = await stage(24 * mebibyte, { maxLag: 500 });
      const [layer] = await layersOf(registries[0]!.host, `staging/${staged.request.project}/app`, staged.digest);
      const sound = `http://${registries[2]!.host}/v2/${staged.repository}/blobs/${layer}`;
      let patches = 0;
      let soundHasIt: Promise<boolean> | undefined;
      target.inject((method) => {
        if (method !== "PATCH") return undefined;
        if (++patches === 1) return { kind: "slow-request", rate: mebibyte };
        soundHasIt ??= fetch(sound, { method: "HEAD" }).then(({ ok }) => ok);
        return undefined;
      });
      await promotes(staged);
      assert.equal(await soundHasIt, true, "the slow one goes on in a round of its own, when the others have it");
    });

    it("stops immediately on abort, and reports it", async () => {
      // No timeout of ours will end what hangs.
      const { request } = await stage(12 * mebibyte, { stallTimeout: 100_000_000, maxLag: 100_000_000 });
      target.inject(() => ({ kind: "hang" }));
      const stop = new AbortController();
      const running = promotion.promote(request, undefined, { ...context, signal: stop.signal });
      while (target.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      stop.abort(new Error("^C"));
      const outcome = await running;
      assert.deepEqual(outcome.failures, [
        `project ${request.project}: stopped with 2 steps to go; the next run resumes`,
      ]);
    });

    it("gives up a mirror that never responds, and completes the others", async () => {
      const { request, repository } = await stage(2_000, { stallTimeout: 1_000, rules: { maxErrorTime: 1_500 } });
      target.inject(() => ({ kind: "hang" }));
      const outcome = await promotion.promote(request, undefined, context);
      assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
      assert.match(outcome.failures[0]!, /faulty/);
      await pull(`${registries[2]!.host}/${repository}:v1`);
    });

    it("gives up a mirror that denies access, with one error", async () => {
      const { request, repository } = await stage(2_000);
      const body = JSON.stringify({ errors: [{ code: "DENIED", message: "no \u001b[31m::error::right" }] });
      target.inject((method) =>
        method === "POST" || method === "PUT" ? { kind: "answer", status: 403, body } : undefined,
      );
      const outcome = await promotion.promote(request, undefined, context);
      assert.equal(outcome.failures.length, 1, outcome.failures.join("\n"));
      assert.match(outcome.failures[0]!, /mirror faulty: given up with 1 step to go: .*403 DENIED/);
      for (const steering of ["\u001b", "::error::"]) assert.ok(!outcome.failures[0]!.includes(steering), steering);
      await pull(`${registries[2]!.host}/${repository}:v1`);
    });
  });
}
