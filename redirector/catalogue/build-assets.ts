import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "fflate";
import { assetFiles, contentsFile, packedName } from "./assets.ts";

/**
 * Bundles the page into a folder, which is made, and compresses it: the same sources, Bun and fflate give the same bytes. Throws what the
 * bundler says.
 */
export async function buildAssets(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = import.meta.dirname;
  await Promise.all([
    bundle(path.join(source, "page", "main.ts"), path.join(folder, assetFiles.script)),
    bundle(path.join(source, "page", "page.css"), path.join(folder, assetFiles.style)),
    copyFile(path.join(source, "icon.svg"), path.join(folder, assetFiles.icon)),
  ]);
  const contents: Record<string, string> = {};
  for (const file of Object.values(assetFiles)) {
    const bytes = await readFile(path.join(folder, file));
    contents[file] = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
    await writeFile(path.join(folder, packedName(file)), gzipSync(bytes, { level: 9, mtime: 0 }));
  }
  await writeFile(path.join(folder, contentsFile), `${JSON.stringify(contents)}\n`);
}

async function bundle(from: string, to: string): Promise<void> {
  const bun = path.join(import.meta.dirname, "..", "..", "node_modules", ".bin", "bun");
  const args = ["build", from, "--target=browser", "--format=esm", "--minify", `--outfile=${to}`];
  const child = spawn(bun, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (code !== 0)
    throw new Error(`${path.basename(from)} could not be bundled (bun ended with ${code}):\n${output.trim()}`);
}
