/** The parts of `npm run bench -- scale` on files: fills, inventories, previews. Each figure is beside today's way, or beside what it was, in the same run. */
import { setTimeout as sleep } from "node:timers/promises";
import { promoteFiles } from "../../components/promotion/files/files.ts";
import type { Context, FilesRequest } from "../../components/promotion/run/request.ts";
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

async function promoted(request: FilesRequest): Promise<void> {
  const { failures } = await promoteFiles(request, undefined, context);
  if (failures.length > 0) throw new Error(failures.slice(0, 3).join("\n"));
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}
