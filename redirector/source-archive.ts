import { gzipSync } from "fflate";
import { packTar, type TarEntry } from "modern-tar";

/** One file of an archive. */
export interface SourceFile {
  /** Relative, with `/` as separator. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether the file is executable. */
  readonly executable?: boolean;
}

/** Fixed modification time of all files, as in buildpacks, so that the archive is reproducible. */
const madeAt = new Date("1980-01-01T00:00:00Z");

/**
 * Packs files into the archive that Cloud Run starts without a build (`sourceCode.cloudStorageSource`): a gzip-compressed tar, with
 * Unix permissions, at most 250 MiB. (Google's provider tests it with a .tar.gz, Google's cloud-run-mcp and
 * firebase-tools upload one, gcloud's `--no-build` too.)
 * Reproducible: sorted, without owner, with a fixed date; compressed by fflate, because zlib's output differs between builds.
 * @param level of compression; 0: none, for an archive that does not leave this machine, which takes a tenth of the time.
 */
export async function packSource(files: readonly SourceFile[], level: 0 | 6 = 6): Promise<Uint8Array> {
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
  return gzipSync(await packTar(entries), { level, mtime: 0 });
}

/** The parent folders of a file, outermost first, each with a trailing slash. */
function parents(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
}
