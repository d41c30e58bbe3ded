import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "mocha";
import { caseRanges } from "../support/redirector/cases.ts";
import { type RunningRedirector, scratch, startRedirector } from "../support/redirector-process.ts";
import { type Load, startLoad } from "../support/steady-load.ts";
import { type SwitchableMirror, startMirror } from "../support/switchable-mirror.ts";

/** What goes wrong around the redirector while 64 connections ask it: nobody who pulls may notice more than another Location. */
describe("faults under load", () => {
  const health = { intervalSeconds: 0.5, recheckSeconds: 0.2, timeoutSeconds: 0.5, unhealthyAfter: 3, healthyAfter: 2 };
  /** As redirector/mirrors/health.ts states it, and some more for a busy machine. */
  const leftWithinMs =
    (1.2 * health.intervalSeconds + 3 * health.timeoutSeconds + 1.2 * 2 * health.recheckSeconds) * 1000 + 3000;
  const backWithinMs =
    (1.2 * health.intervalSeconds + 2 * health.timeoutSeconds + 1.2 * health.recheckSeconds) * 1000 + 3000;

  let near: SwitchableMirror;
  let far: SwitchableMirror;
  let bucket: SwitchableMirror;
  let redirector: RunningRedirector;
  let folder: Awaited<ReturnType<typeof scratch>>;
  let load: Load;
  let asked = 0;
  let freshLayers = false;
  let tag = "3.9";
  let unfinished: Socket;
  const lastOrigin = new Map<string, string>();

  before(async () => {
    [near, far, bucket] = await Promise.all([startMirror(), startMirror(), startMirror()]);
    folder = await scratch();
    const ranges = path.join(folder.folder, "ranges");
    await writeFile(ranges, caseRanges().bytes);
    const mirror = (name: string, url: string, latitude: number, longitude: number) => ({
      name,
      url,
      region: name,
      latitude,
      longitude,
    });
    redirector = await startRedirector({
      ranges,
      config: {
        host: "artifacts.example.dev",
        region: { name: "europe-west1", latitude: 50.45, longitude: 3.82 },
        imageMirrors: [
          { ...mirror("far", `${far.origin}/v2/p/images`, 41.26, -95.86), cloud: "gcp" },
          { ...mirror("near", `${near.origin}/v2/p/images`, 50.45, 3.82), cloud: "gcp" },
        ],
        fileMirrors: [{ ...mirror("eu-west-3", `${bucket.origin}/bucket`, 48.86, 2.35), cloud: "aws", layers: true }],
        health,
        existence: { timeoutSeconds: 0.5, absentSeconds: 1 },
        log: { sample: 0 },
      },
    });
    unfinished = connect(redirector.port, "127.0.0.1", () => unfinished.write("GET /v2/ HTTP/1.1\r\nHost"));
    unfinished.on("error", () => undefined); // a reset is as good an end as any
    load = startLoad(redirector.port, 64, 20, request);
    load.onAnswer = (target, location) =>
      lastOrigin.set(target.split("/")[3] ?? "", URL.parse(location)?.origin ?? location);
  });

  after(async () => {
    await redirector?.stop();
    await load?.stop();
    await Promise.all([near, far, bucket].map((mirror) => mirror?.kill()));
    await folder?.remove();
  });

  it("a dead mirror gets no clients after the documented time, and gets them back when it recovers", async () => {
    await sentTo("manifests", near.origin, 5000);
    await near.kill();
    await sentTo("manifests", far.origin, leftWithinMs);
    await near.revive();
    await sentTo("manifests", near.origin, backWithinMs);
  });

  it("a slow mirror gets no clients after the documented time", async () => {
    near.delayMs = 5000;
    await sentTo("manifests", far.origin, leftWithinMs);
    near.delayMs = 0;
    await sentTo("manifests", near.origin, backWithinMs);
  });

  it("a mirror that passes probes but fails for all objects gets no clients", async () => {
    await sentTo("manifests", near.origin, 5000);
    freshLayers = true;
    bucket.status = 404; // so that near is asked for layers
    near.status = 503;
    await sentTo("manifests", far.origin, 5000);
    await redirector.logged(/mirror near fails when asked for what it holds/);
    near.status = 200;
    // It is left alone for ten seconds after its failures.
    await sentTo("manifests", near.origin, 15_000);
    bucket.status = 200;
    freshLayers = false;
  });

  it("no pull fails at a mirror that lacks a newly promoted artifact", async () => {
    near.status = 404;
    tag = "new";
    await sentTo("manifests", far.origin, 5000);
    near.status = 200;
    // It is asked again after `existence.absentSeconds`.
    await sentTo("manifests", near.origin, 5000);
  });

  it("with all mirrors dead, clients are redirected to the canonical mirror", async () => {
    await Promise.all([near.kill(), far.kill()]);
    await until(() => redirector.output().includes("mirror far is unhealthy"), leftWithinMs);
    await sentTo("manifests", far.origin, leftWithinMs);
    await Promise.all([near.revive(), far.revive()]);
    await sentTo("manifests", near.origin, backWithinMs);
  });

  it("layers come from the registry while a bucket is slow or down, then from the bucket again", async () => {
    // A busy machine may have found it failing before.
    await sentTo("blobs", bucket.origin, 15_000);
    freshLayers = true;
    bucket.delayMs = 3000;
    await sentTo("blobs", near.origin, 5000);
    await bucket.kill();
    await sentTo("blobs", near.origin, 5000);
    bucket.delayMs = 0;
    await bucket.revive();
    // The bucket is left alone for ten seconds after its failures.
    await sentTo("blobs", bucket.origin, 10_000 + backWithinMs);
  });

  it("an incomplete request head is closed after ten seconds, even if bytes keep arriving", async () => {
    const trickle = setInterval(() => unfinished.write("t"), 500);
    await until(() => unfinished.destroyed, 15_000);
    clearInterval(trickle);
  });

  it("SIGTERM: completes every request and exits, without internal errors", async () => {
    assert.equal(await redirector.stop(), 0);
    await load.stop();
    const { statuses, broken, errors } = load.result;
    assert.deepEqual([...statuses.keys()], [307], `statuses ${JSON.stringify([...statuses])}`);
    assert.equal(broken, 0);
    assert.deepEqual([...errors], []);
    assert.ok((statuses.get(307) ?? 0) > 1000);
    assert.ok(!redirector.output().includes("fault"), redirector.output());
  });

  function request(): string {
    asked++;
    const layer = (freshLayers ? asked : asked % 50).toString(16).padStart(64, "0");
    const target = asked % 2 === 0 ? `/v2/pause/manifests/${tag}` : `/v2/pause/blobs/sha256:${layer}`;
    const client = asked % 2 === 0 ? "8.8.8.8" : "35.180.1.1";
    return `GET ${target} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${client},10.0.0.1\r\n\r\n`;
  }

  /** Waits until requests of that kind are sent there. */
  async function sentTo(kind: string, origin: string, limitMs: number): Promise<void> {
    lastOrigin.delete(kind);
    await until(
      () => lastOrigin.get(kind) === origin,
      limitMs,
      () => `${kind} go to ${lastOrigin.get(kind)} instead of ${origin}`,
    );
  }

  async function until(reached: () => boolean, limitMs: number, state = () => ""): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!reached()) {
      if (performance.now() > deadline) assert.fail(`not after ${limitMs} ms: ${state()}\n${redirector.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
});
