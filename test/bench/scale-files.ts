/** The parts of `npm run bench -- scale` on files: fills, inventories, previews. Each figure is beside today's way, or beside what it was, in the same run. */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promoteFiles } from "../../components/promotion/files/files.ts";
import { traceTo } from "../../components/promotion/http/trace.ts";
import type { Context, FilesRequest } from "../../components/promotion/run/request.ts";
import { formatBytes } from "../../components/promotion/text/format-bytes.ts";
import { startObjectStores } from "../support/object-stores.ts";
import { generatedLines, startGeneratedStore } from "./generated-store.ts";

Object.assign(process.env, { AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench" });

const context: Context = { signal: new AbortController().signal, report: () => {} };

/** One file promoted a second after a fill of 4,000 has begun, and alone; a round trip of 50 ms. */
export async function besideFill(): Promise<void> {
  const files = 4_000;
  const store = await startGeneratedStore({
    roundTrip: 50,
    buckets: { old: { prefix: "binaries/scale/", count: files }, staged: { prefix: "", count: 2 } },
  });
  try {
    const mirror = (name: string) => ({ name, kind: "gcs" as const, bucket: name, region: "us" });
    const request = (prefix: string, mirrors: readonly string[], lines: string): FilesRequest => ({
      project: prefix,
      files: lines,
      prefix,
      staging: "staged",
      mirrors: mirrors.map(mirror),
      removalShare: 1,
      storage: { gcsEndpoint: store.url },
    });
    const two = generatedLines(2).split("\n");
    const alone = await secondsOf(() => promoted(request("alone", ["old", "new"], `${two[0]}\n`)));
    const began = performance.now();
    const fill = promoted(request("scale", ["old", "new"], generatedLines(files)));
    await sleep(1_000);
    const beside = await secondsOf(() => promoted(request("beside", ["old", "new"], `${two[1]}\n`)));
    await fill;
    const rest = (performance.now() - began) / 1_000 - 1;
    if (rest < 2 * beside) throw new Error(`the fill took ${rest} s: too short to be beside it`);
    console.log(`figure: scale.beside-fill.extra-seconds = ${(beside - alone).toFixed(2)} s`);
    console.log(`figure: scale.beside-fill.first-come.extra-seconds = ${(rest - alone).toFixed(2)} s`);
    console.log(
      `  alone ${alone.toFixed(2)} s; first come, first served, it waits for the rest of the fill of ${files}`,
    );
  } finally {
    store.stop();
  }
}

/** A release to 22 mirrors in GCS and 6 in S3, of real servers: what leaves this process, as a part of what the mirrors receive. */
export async function bytesThroughRunner(): Promise<void> {
  const size = 12 * 1024 * 1024;
  const stores = await startObjectStores();
  try {
    const bytes = randomBytes(size);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    await stores.makeBucket("gcs", "staging");
    await stores.stage("staging", "release.tar.gz", bytes);
    const mirrors = Array.from({ length: 28 }, (_, index) => {
      const kind = index < 22 ? ("gcs" as const) : ("s3" as const);
      return { name: `mirror-${index}`, kind, bucket: `mirror-${index}`, region: "us-east-1" };
    });
    for (const { kind, bucket } of mirrors) await stores.makeBucket(kind, bucket);
    let sent = 0;
    traceTo((line) => {
      sent += Number(/ sent=(\d+)/.exec(line)?.[1] ?? 0);
    });
    const seconds = await secondsOf(() =>
      promoted({
        project: "scale",
        files: `release.tar.gz sha256:${sha256}\n`,
        prefix: "scale",
        staging: "staging",
        mirrors,
        removalShare: 1,
        storage: { gcsEndpoint: stores.gcs, s3Endpoint: stores.s3, s3UsePathStyle: true },
      }),
    );
    traceTo(undefined);
    console.log(
      `  sent ${formatBytes(sent)} in ${seconds.toFixed(1)} s; to each mirror by itself ${formatBytes(28 * size)}`,
    );
    console.log(`figure: scale.fill.bytes-through-runner.ratio = ${(sent / (28 * size)).toFixed(3)} x`);
  } finally {
    await stores.stop();
  }
}

async function promoted(request: FilesRequest): Promise<void> {
  const { failures } = await promoteFiles(request, undefined, context);
  if (failures.length > 0) throw new Error(failures.slice(0, 3).join("\n"));
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}
