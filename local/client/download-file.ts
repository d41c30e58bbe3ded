/** Downloads a release file and verifies its published checksum. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type ClientOptions, follow, type Hop } from "./follow.ts";

/** A downloaded file. */
export interface DownloadedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly hops: readonly Hop[];
}

/** Downloads `url` into the folder. Throws if the checksum in `url` + `.sha256` is missing or does not match. */
export async function downloadFile(url: string, folder: string, options: ClientOptions = {}): Promise<DownloadedFile> {
  const [file, checksum] = await Promise.all([get(url, options), get(`${url}.sha256`, options)]);
  const sha256 = createHash("sha256").update(file.bytes).digest("hex");
  const wanted = checksum.bytes.toString("utf8").trim().split(/\s+/)[0];
  if (sha256 !== wanted) throw new Error(`${url}: sha256 is ${sha256}, its checksum file says ${wanted}`);
  const path = join(folder, basename(new URL(url).pathname));
  await writeFile(path, file.bytes);
  return { path, size: file.bytes.length, sha256, hops: file.hops };
}

async function get(url: string, options: ClientOptions): Promise<{ bytes: Buffer; hops: readonly Hop[] }> {
  const { status, body, hops } = await follow("GET", url, {}, options);
  const bytes = Buffer.from(await body.arrayBuffer());
  if (status !== 200) throw new Error(`${url}: ${status} from ${hops.at(-1)!.url}`);
  return { bytes, hops };
}
