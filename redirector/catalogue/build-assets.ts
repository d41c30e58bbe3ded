import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "fflate";
import { runBun } from "../run-bun.ts";
import { assetFiles, contentsFile, packedName } from "./assets.ts";

/** Bundles and compresses the page into a new folder. The same sources, Bun and fflate give the same bytes. Throws with the bundler's output. */
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
  await runBun(["build", from, "--target=browser", "--format=esm", "--minify", `--outfile=${to}`]);
}
