/**
 * Builds what a task of a fill runs (`artifacts build-fill`): fill-task.ts and all that it imports as one file, and the native checksum beside it, as a
 * .tar.gz. The task's base image has Node. The same sources and versions give the same bytes.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "fflate";
import { packTar } from "modern-tar";
import { printResult } from "./output.ts";

const root = join(import.meta.dirname, "../..");

/** Not bundled: it loads a library of machine code, that of the machine on which tasks run. */
const native = "@node-rs/crc32";
const nativeFiles = [
  `${native}/package.json`,
  `${native}/index.js`,
  `${native}-linux-x64-gnu/package.json`,
  `${native}-linux-x64-gnu/crc32.linux-x64-gnu.node`,
];

/** Builds the archive. @param out its path. */
export async function buildFill(out: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "artifacts-fill-"));
  try {
    const bundle = join(work, "fill.mjs");
    const options = ["--target=node", "--format=esm", "--minify", "--production", `--external=${native}`];
    const entry = join(import.meta.dirname, "fill-task.ts");
    await promisify(execFile)(join(root, "node_modules/.bin/bun"), ["build", entry, ...options, "--outfile", bundle], {
      cwd: root,
    });
    const files = [
      { name: "fill.mjs", bytes: await readFile(bundle) },
      ...(await Promise.all(
        nativeFiles.map(async (file) => {
          const name = `node_modules/${file}`;
          return { name, bytes: await readFile(join(root, name)) };
        }),
      )),
    ];
    const common = { type: "file" as const, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, uname: "", gname: "" };
    const tar = await packTar(
      files.map(({ name, bytes }) => ({ header: { ...common, name, size: bytes.length }, body: bytes })),
    );
    await mkdir(dirname(out), { recursive: true });
    // By fflate: zlib's output differs between builds of Node.
    await writeFile(out, gzipSync(tar, { level: 6, mtime: 0 }));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const [, out = join(root, "redirector/dist/fill.tar.gz")] = /^--out=(.+)$/.exec(process.argv[2] ?? "") ?? [];
  await buildFill(out);
  printResult(out);
}
