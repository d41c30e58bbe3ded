import { gzipSync } from "fflate";
import { packTar, type TarEntry } from "modern-tar";

/** One file of an archive. */
export interface SourceFile {
  /** Relative, parts joined by `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether it is a program to start. */
  readonly executable?: boolean;
}

/** What the files are dated with, as buildpacks do: something fixed, so that the same files are the same bytes. */
const madeAt = new Date("1980-01-01T00:00:00Z");

/**
 * Packs files into the archive that Cloud Run starts without a build (`sourceCode.cloudStorageSource`): a gzip-compressed tar, with the
 * Unix permissions of what it holds, at most 250 MiB. (Google's provider tests it with a .tar.gz, Google's cloud-run-mcp and
 * firebase-tools upload one, gcloud's `--no-build` too.)
 * The bytes depend on the files alone: sorted, no owner, a fixed date; compressed by fflate, since zlib's output differs between builds.
 */
export async function packSource(files: readonly SourceFile[]): Promise<Uint8Array> {
  const common = { mtime: madeAt, uid: 0, gid: 0, uname: "", gname: "" };
  const folders = new Set(files.flatMap(({ path }) => parents(path)));
  const entries: TarEntry[] = [
    ...[...folders].map((name) => ({ header: { ...common, name, type: "directory" as const, size: 0, mode: 0o755 } })),
    ...files.map(({ path, bytes, executable }) => ({
      header: { ...common, name: path, type: "file" as const, size: bytes.length, mode: executable ? 0o755 : 0o644 },
      body: bytes,
    })),
  ];
  entries.sort((a, b) => (a.header.name < b.header.name ? -1 : 1)); // by code unit, not by locale
  return gzipSync(await packTar(entries), { level: 6, mtime: 0 });
}

/** The folders above a file, outermost first, each with a slash at its end. */
function parents(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
}
