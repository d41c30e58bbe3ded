/** Downloads a file with curl, as an independent client. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";

/** The download, or why curl was skipped. */
export type CurlDownload =
  | { readonly ran: true; readonly path: string; readonly size: number; readonly sha256: string; readonly from: string }
  | { readonly ran: false; readonly why: string };

/**
 * Downloads `url` and its `.sha256` into the folder with `curl --location` and compares them. `from` is the URL after all redirects. Skips
 * the download if curl is not installed. Throws with curl's own message if the download fails.
 */
export async function curlFile(url: string, folder: string): Promise<CurlDownload> {
  const path = join(folder, basename(new URL(url).pathname));
  const curl = async (address: string, to: string): Promise<string> => {
    const args = ["--location", "--fail", "--silent", "--show-error", "--max-time", "60", "--output", to];
    const { stdout } = await promisify(execFile)("curl", [...args, "--write-out", "%{url_effective}", address]);
    return stdout;
  };
  try {
    const from = await curl(url, path);
    await curl(`${url}.sha256`, `${path}.sha256`);
    const bytes = await readFile(path);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const wanted = (await readFile(`${path}.sha256`, "utf8")).trim().split(/\s+/)[0];
    if (sha256 !== wanted) throw new Error(`${url}: sha256 is ${sha256}, its checksum file says ${wanted}`);
    return { ran: true, path, size: bytes.length, sha256, from };
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code === "ENOENT" &&
      (error as NodeJS.ErrnoException).syscall?.includes("curl")
    ) {
      return { ran: false, why: "curl is not installed" };
    }
    throw error;
  }
}
