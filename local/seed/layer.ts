/** Builds layers of images, with the same bytes on every machine. */
import { gzipSync } from "fflate";
import { packTar } from "modern-tar";
import { content, type DigestedContent, sha256Hex } from "./content.ts";

/** Time of creation of all demo artifacts: a constant, so that digests do not depend on the clock. */
export const madeAt = new Date("2026-01-01T00:00:00Z");

/** One file, folder or symbolic link of a layer. */
export interface LayerEntry {
  /** Absolute path in the image, without the leading slash. A folder ends in a slash. */
  readonly path: string;
  readonly content?: Uint8Array | string;
  /** Target of a symbolic link. */
  readonly link?: string;
  readonly mode?: number;
  /** Owner, both user and group. */
  readonly owner?: number;
}

/** A compressed layer and the digest of its uncompressed content. */
export interface Layer extends DigestedContent {
  /** Digest of the uncompressed tar, which the image's config lists (OCI image spec, config.md). */
  readonly diffId: string;
  /** The command for the image's history. */
  readonly history: string;
}

/**
 * Packs the entries and their parent folders, sorted by path. Compresses with fflate, which is JavaScript, because the output of zlib differs
 * between builds. Level 4 takes half the time of level 9 for 1 % more bytes.
 */
export async function makeLayer(history: string, entries: readonly LayerEntry[]): Promise<Layer> {
  const tar = await packTar(withFolders(entries).map(tarEntry));
  const bytes = gzipSync(tar, { level: 4, mtime: 0 });
  return {
    ...content("application/vnd.oci.image.layer.v1.tar+gzip", bytes),
    diffId: `sha256:${sha256Hex(tar)}`,
    history,
  };
}

function tarEntry({ path, content: data, link, mode, owner = 0 }: LayerEntry): Parameters<typeof packTar>[0][number] {
  const common = { name: path, mtime: madeAt, uid: owner, gid: owner, uname: "", gname: "" };
  if (path.endsWith("/")) return { header: { ...common, type: "directory", size: 0, mode: mode ?? 0o755 } };
  if (link !== undefined) return { header: { ...common, type: "symlink", size: 0, mode: 0o777, linkname: link } };
  const body = typeof data === "string" ? new TextEncoder().encode(data) : (data ?? new Uint8Array());
  return { header: { ...common, type: "file", size: body.length, mode: mode ?? 0o644 }, body };
}

function withFolders(entries: readonly LayerEntry[]): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const { path } of entries) {
    const parts = path.replace(/\/$/, "").split("/").slice(0, -1);
    parts.forEach((_, i) => {
      const folder = `${parts.slice(0, i + 1).join("/")}/`;
      byPath.set(folder, { path: folder });
    });
  }
  for (const entry of entries) byPath.set(entry.path, entry);
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1)); // by code unit, not by locale
}
