import { createHash } from "node:crypto";
import { readAll } from "../blobs/fan-out.ts";
import type { Bucket, Stored } from "../storage/bucket.ts";
import { listsChecksums, readChecksums } from "./checksums.ts";
import { withMemoryFor } from "./mirror-files.ts";

/** A file of checksums that is larger is none. */
const largestSidecar = 1024 * 1024;

/**
 * Whether a file says the checksums of others: `tool.sha256`, `tool.sha512`, `SHA256SUMS`.
 * @internal exported for its tests.
 */
export function isSidecar(path: string): boolean {
  return /.\.(sha256|sha512)(sum)?$/i.test(path) || listsChecksums(nameIn(path));
}

/** What a sidecar says of one file. */
export interface SaidChecksum {
  readonly path: string;
  readonly algorithm: "sha256" | "sha512";
  readonly hex: string;
}

/**
 * Reads what a sidecar says. `tool.sha256` may have the digits alone, or with a name; `SHA256SUMS` has a line for each file of its folder.
 * Other texts say nothing.
 * @internal exported for its tests.
 */
export function readSidecar(path: string, text: string): SaidChecksum[] {
  const folder = path.slice(0, path.length - nameIn(path).length);
  const [, about, suffix] = /^(.+)\.(sha256|sha512)(?:sum)?$/i.exec(path) ?? [];
  if (about === undefined)
    return [...readChecksums(text, folder)].map(([each, hex]) => ({ path: each, algorithm: "sha256", hex }));
  const algorithm = suffix!.toLowerCase() as SaidChecksum["algorithm"];
  const digits = algorithm === "sha256" ? 64 : 128;
  // Of several lines none is said to be about this file.
  const [, hex, name] = new RegExp(`^([0-9a-f]{${digits}})(?:\\s+\\*?(\\S.*?))?\\s*$`, "i").exec(text.trim()) ?? [];
  if (hex === undefined || text.trim().includes("\n")) return [];
  if (name !== undefined && nameIn(name) !== nameIn(about)) return [];
  return [{ path: about, algorithm, hex: hex.toLowerCase() }];
}

/** An object of staging or of a mirror. */
export interface FoundFile {
  readonly bucket: Bucket;
  readonly object: Stored;
}

/**
 * Where the new files of checksums contradict the files that they are about: users who check a download would refuse it.
 * @param found the new files, by path.
 * @param wanted hex sha256 of all files of the project, by path.
 * @returns sentences by the sidecar's path.
 */
export async function contradictions(
  found: ReadonlyMap<string, FoundFile>,
  wanted: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const sidecars = [...found].filter(([path, { object }]) => isSidecar(path) && object.size <= largestSidecar);
  const all = await Promise.all(
    sidecars.map(async ([path, file]) => {
      const text = Buffer.concat(await Array.fromAsync(readAll(file.bucket, file.object, signal))).toString("utf8");
      const wrong = await Promise.all(
        readSidecar(path, text).map(async ({ path: about, algorithm, hex }) => {
          const actual = algorithm === "sha256" ? wanted.get(about) : await sha512Of(found.get(about), signal);
          if (actual === undefined || actual === hex) return [];
          return [`says ${algorithm} ${hex} of ${about}, which has ${actual}: stage both again`];
        }),
      );
      return [path, wrong.flat()] as const;
    }),
  );
  return new Map(all.filter(([, wrong]) => wrong.length > 0));
}

/** Larger files are not read for it. */
const largestRead = 512 * 1024 * 1024;

async function sha512Of(file: FoundFile | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (file === undefined || file.object.size > largestRead) return undefined;
  return withMemoryFor(file.object.size, async () => {
    const hash = createHash("sha512");
    for await (const slice of readAll(file.bucket, file.object, signal)) hash.update(slice);
    return hash.digest("hex");
  });
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
