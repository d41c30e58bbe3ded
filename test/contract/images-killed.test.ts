/** A run that dies at any request leaves nothing that the next run does not complete, and loses nothing that was there. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { ImagesRequest, Outcome, Previous } from "../../components/promotion/run/request.ts";
import { note } from "../support/annotations.ts";
import { type GoogleFront, startGoogleFront } from "../support/google-front.ts";
import {
  head,
  inspect,
  type Pushed,
  Pusher,
  pull,
  type RegistryKind,
  referrers,
  startRegistry,
  type TestRegistry,
} from "../support/registries.ts";

const quiet = { report: () => {} };

/** A promotion that dies when it has sent so many requests, and counts them. */
function mortal(requests: number) {
  const stop = new AbortController();
  let sent = 0;
  const written: string[] = [];
  const promotion = imagePromotion({
    onRequest: (method, url) => {
      if (!/GET|HEAD/.test(method)) written.push(`${method} ${new URL(url).host}${new URL(url).pathname}`);
      if (++sent === requests) queueMicrotask(() => stop.abort(new Error("killed")));
    },
  });
  return { promotion, context: { signal: stop.signal, ...quiet }, written, sent: () => sent };
}

for (const kind of ["olareg", "distribution", "google"] satisfies (RegistryKind | "google")[]) {
  describe(kind === "google" ? "a registry like Google's" : kind, () => {
    const every = { olareg: 5, distribution: 11, google: 3 }[kind];
    let registries: TestRegistry[];
    let fronts: GoogleFront[] = [];
    before(async () => {
      const real = kind === "google" ? "olareg" : kind;
      registries = await Promise.all([startRegistry(real), startRegistry(real)]);
      if (kind === "google") fronts = await Promise.all(registries.map(({ host }) => startGoogleFront(() => host)));
    });
    after(async () => {
      await Promise.all(fronts.map((front) => front.close()));
      await Promise.all(registries.map((registry) => registry.remove()));
    });

    it("killed at any request", async function () {
      const hosts = (kind === "google" ? fronts : registries).map(({ host }) => host);
      let project = 0;

      interface Staged {
        readonly request: ImagesRequest;
        readonly old: Previous<ImagesRequest>;
        readonly index: Pushed;
        readonly children: readonly Pushed[];
        readonly plain: Pushed;
        readonly kept: Pushed;
        readonly gone: readonly Pushed[];
        readonly sbom: Pushed;
        readonly signature: Pushed;
        readonly repository: string;
      }

      /** Something promoted, and a change of it that adds, tags and removes. */
      async function stage(): Promise<Staged> {
        const name = `p${project++}`;
        const staging = new Pusher(hosts[0]!, `staging/${name}/app`);
        const [kept, goneChild] = [await staging.image(), await staging.image()];
        const gone = await staging.index([goneChild]);
        const goneSignature = await staging.signature(gone);
        const request: ImagesRequest = {
          project: name,
          images: `app:gone ${gone.digest}\napp:kept ${kept.digest}\n`,
          prefix: name,
          staging: `${hosts[0]}/staging/${name}`,
          mirrors: hosts.map((host, index) => ({ name: `m${index}`, repository: `${host}/images` })),
          layerMirrors: [],
          mutableTags: [],
          removalShare: 1,
          storage: {},
        };
        const immortal = mortal(Number.POSITIVE_INFINITY);
        assert.deepEqual((await immortal.promotion.promote(request, undefined, immortal.context)).failures, []);
        await immortal.promotion.close();
        const children = [await staging.image(), await staging.image()];
        const index = await staging.index(children);
        const plain = await staging.image();
        const signature = await staging.signature(index);
        const sbom = await staging.image({ subject: plain });
        const list = { mediaType: "application/vnd.oci.image.index.v1+json", manifests: [sbom] };
        if (kind === "distribution") await staging.manifest(list, [plain.digest.replace(":", "-")]);
        const images = [
          `app:also ${kept.digest}`,
          `app:kept ${kept.digest}`,
          `app:v1 ${index.digest}`,
          `app@${plain.digest}`,
        ];
        return {
          request: { ...request, images: images.map((line) => `${line}\n`).join("") },
          old: { request, incomplete: {} },
          index,
          children,
          plain,
          kept,
          gone: [gone, goneChild, goneSignature],
          sbom,
          signature,
          repository: `images/${name}/app`,
        };
      }

      async function isAsWanted({ index, plain, kept, gone, sbom, signature, repository }: Staged): Promise<void> {
        for (const host of hosts) {
          const { tags } = await inspect(host, repository);
          delete tags[plain.digest.replace(":", "-")]; // where distribution has the list of referrers
          const signatureTag = `${index.digest.replace(":", "-")}.sig`;
          assert.deepEqual(tags, {
            also: kept.digest,
            kept: kept.digest,
            v1: index.digest,
            [signatureTag]: signature.digest,
          });
          assert.deepEqual(await referrers(host, repository, plain.digest), [sbom.digest]);
          assert.equal(await head(host, repository, plain.digest), plain.digest);
          for (const { digest } of gone) assert.equal(await head(host, repository, digest), undefined, digest);
        }
      }

      async function expire({ request, gone }: Staged): Promise<void> {
        for (const { digest } of gone) {
          const url = `http://${hosts[0]}/v2/staging/${request.project}/app/manifests/${digest}`;
          assert.equal((await fetch(url, { method: "DELETE", headers: { "x-force": "yes" } })).status, 202);
        }
      }

      /** The requests that would write what is there. */
      async function present({ index, children, plain, repository }: Staged): Promise<string[]> {
        const lines: string[] = [];
        for (const host of hosts) {
          for (const { digest } of [index, plain, ...children]) {
            if (await head(host, repository, digest)) lines.push(`PUT ${host}/v2/${repository}/manifests/${digest}`);
          }
        }
        return lines;
      }

      /** What the next run is told, in turn: after kill -9 what the state had before; after ^C what the run returned; after kill -9 and a refresh. */
      async function knownAfter(
        at: number,
        { request, old }: Staged,
        { incomplete }: Outcome,
        next: ReturnType<typeof mortal>,
      ): Promise<Previous<ImagesRequest>> {
        if (at % 3 === 0) return old;
        if (at % 3 === 1) return { request, incomplete };
        const inventory = await next.promotion.takeInventory(old.request, next.context);
        assert.deepEqual(inventory.failures, []);
        return { request: old.request, incomplete: inventory.incomplete };
      }

      const whole = await stage();
      const counter = mortal(Number.POSITIVE_INFINITY);
      await counter.promotion.promote(whole.request, whole.old, counter.context);
      await counter.promotion.close();
      await isAsWanted(whole);
      for (const host of hosts) await pull(`${host}/${whole.repository}:v1`);
      note(this, `${counter.sent()} requests`);

      for (let at = 1; at < counter.sent(); at += every) {
        const staged = await stage();
        const killed = mortal(at);
        const outcome = await killed.promotion.promote(staged.request, staged.old, killed.context);
        await killed.promotion.close();
        if (outcome.failures.length === 0) continue; // there were fewer requests this time
        assert.match(outcome.failures.join("\n"), /stopped with \d+ steps? to go; the next run resumes/);
        const next = mortal(Number.POSITIVE_INFINITY);
        const known = await knownAfter(at, staged, outcome, next);
        // Staging need not have any more what production no longer wants.
        if (at % 2 === 0) await expire(staged);
        const there = await present(staged);
        const resumed = await next.promotion.promote(staged.request, known, next.context);
        await next.promotion.close();
        assert.deepEqual(resumed.failures, [], `killed at request ${at}`);
        assert.deepEqual(resumed.incomplete, {});
        await isAsWanted(staged);
        for (const line of there)
          assert.ok(!next.written.includes(line), `killed at request ${at}: written again: ${line}`);
      }
    });
  });
}
