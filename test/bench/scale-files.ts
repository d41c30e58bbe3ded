/** The parts of `npm run bench -- scale` on files: fills, inventories, previews. Each figure is beside today's way, or beside what it was, in the same run. */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { previewFiles, promoteFiles, takeFileInventory } from "../../components/promotion/files/files.ts";
import { traceTo } from "../../components/promotion/http/trace.ts";
import type { Context, FilesRequest } from "../../components/promotion/run/request.ts";
import { formatBytes } from "../../components/promotion/text/format-bytes.ts";
import { startObjectStores } from "../support/object-stores.ts";
import { type GeneratedStore, generatedLines, startGeneratedStore } from "./generated-store.ts";

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

/** Round trip to a distant region, ms. */
const distant = 120;

/** 22 mirrors in GCS and 6 in S3. */
function twentyEight(): FilesRequest["mirrors"] {
  return Array.from({ length: 28 }, (_, index) => {
    const kind = index < 22 ? ("gcs" as const) : ("s3" as const);
    return { name: `mirror-${index}`, kind, bucket: `mirror-${index}`, region: "us-east-1" };
  });
}

function requestOn(store: GeneratedStore, mirrors: FilesRequest["mirrors"], lines: string): FilesRequest {
  return {
    project: "scale",
    files: lines,
    prefix: "scale",
    staging: "staged",
    mirrors,
    removalShare: 1,
    storage: { gcsEndpoint: store.url, s3Endpoint: store.url, s3UsePathStyle: true },
  };
}

/** An inventory of 337,000 files in 22 mirrors in GCS and 6 in S3, a quarter of them sent to S3 in parts; and today's way with S3, a request for each object, of a part, scaled. */
export async function inventory(count = 337_000): Promise<void> {
  const part = 2_000;
  const holdings = Object.fromEntries(
    twentyEight().map(({ bucket }) => [bucket, { prefix: "binaries/scale/", count }]),
  );
  const store = await startGeneratedStore({ roundTrip: distant, buckets: holdings });
  try {
    const lines = generatedLines(count);
    const began = performance.now();
    const { incomplete, failures } = await takeFileInventory(requestOn(store, twentyEight(), lines), context);
    const seconds = (performance.now() - began) / 1_000;
    const differing = [...failures, ...Object.keys(incomplete)];
    if (differing.length > 0) throw new Error(`the mirrors differ: ${differing.slice(0, 3)}`);
    console.log(`figure: scale.inventory.${count}-files.seconds = ${seconds.toFixed(0)} s`);
    console.log(`  ${processorSeconds()} s of processor time, making the lines included`);
    console.log(
      `figure: scale.inventory.${count}-files.rss.mib = ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
    );
    console.log(`  ${JSON.stringify(await store.requests())}`);
  } finally {
    store.stop();
  }
  const few = await startGeneratedStore({
    roundTrip: distant,
    buckets: Object.fromEntries(
      Object.keys(holdings).map((name) => [name, { prefix: "binaries/scale/", count: part }]),
    ),
  });
  try {
    // Each by itself, so that none is compared with another one.
    const inS3 = twentyEight().slice(22);
    const asked = inS3.map((mirror) => requestOn(few, [mirror], generatedLines(part)));
    const each = await secondsOf(
      async () => void (await Promise.all(asked.map((one) => takeFileInventory(one, context)))),
    );
    const scaled = (each * count) / part;
    console.log(`figure: scale.inventory.${count}-files.each-in-s3.seconds = ${scaled.toFixed(0)} s`);
    console.log(`  ${each.toFixed(1)} s for ${part} files in 6 mirrors, times ${count / part}`);
  } finally {
    few.stop();
  }
}

/** The preview of 20,000 new files, staged, for 28 mirrors; and today's way, a request for each file and mirror, of a part, scaled. */
export async function previewOfFiles(): Promise<void> {
  const count = 20_000;
  const store = await startGeneratedStore({ roundTrip: distant, buckets: { staged: { prefix: "", count } } });
  try {
    const empty = requestOn(store, twentyEight(), "");
    const previous = { request: empty, incomplete: {} };
    const looked = async (files: number): Promise<number> => {
      const began = performance.now();
      const { errors, lines } = await previewFiles({ ...empty, files: generatedLines(files) }, previous, context);
      if (errors.length > 0 || lines.length !== files) throw new Error(`${lines.length} lines; ${errors.slice(0, 3)}`);
      return (performance.now() - began) / 1_000;
    };
    const seconds = await looked(count);
    console.log(`figure: scale.preview.20000-files.seconds = ${seconds.toFixed(0)} s`);
    console.log(`  ${processorSeconds()} s of processor time, making the lines included`);
    console.log(`  ${JSON.stringify(await store.requests())}`);
    const few = 60; // fewer than are listed for
    const each = await looked(few);
    console.log(`figure: scale.preview.20000-files.each.seconds = ${((each * count) / few).toFixed(0)} s`);
    console.log(`  ${each.toFixed(2)} s for ${few} files, times ${(count / few).toFixed(0)}`);
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
    const mirrors = twentyEight();
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

/** Of this process so far. On a busy machine it says more than the clock. */
function processorSeconds(): string {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return ((userCPUTime + systemCPUTime) / 1e6).toFixed(0);
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}
