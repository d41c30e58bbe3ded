import { readAll } from "../blobs/fan-out.ts";
import type { Bucket, Stored } from "../storage/bucket.ts";
import { printable } from "../text/printable.ts";
import type { FilesMirrorRun } from "./run.ts";

/** Bytes that a file may have to be shown whole. */
const shortest = 512;

/** Characters of a content that a line shows. */
const shown = 120;

/** An object whose digest is known. */
interface Read {
  readonly bucket: Bucket;
  readonly object: Stored & { readonly sha256: string };
}

/**
 * What is replaced at a path, one text for each content that mirrors have there: `replace stable.txt sha256:... ("v1.0.0" becomes "v1.1.0") in us, eu`.
 * Contents are shown if both are short texts.
 */
export async function contentChanges(
  path: string,
  mirrors: readonly FilesMirrorRun[],
  next: Read,
  signal: AbortSignal,
): Promise<string[]> {
  const alike = new Map<string, { readonly old: Read; readonly names: string[] }>();
  for (const { name, replaced, files } of mirrors) {
    const object = replaced.get(path);
    if (object === undefined) continue;
    const group = alike.get(object.sha256) ?? { old: { bucket: files.bucket, object }, names: [] };
    group.names.push(name);
    alike.set(object.sha256, group);
  }
  const differs = [...alike.keys()].some((sha256) => sha256 !== next.object.sha256);
  const is = differs ? await shortText(next, signal) : undefined;
  return await Promise.all(
    [...alike.values()].map(async ({ old, names }) => {
      const { sha256 } = old.object;
      const where = names.join(", ");
      if (sha256 === next.object.sha256)
        return `replace ${path} in ${where} (the same content, which caches may keep for a minute from now on)`;
      const was = await shortText(old, signal);
      const texts = was === undefined || is === undefined ? "" : ` (${was} becomes ${is})`;
      return `replace ${path} sha256:${sha256} in ${where}${texts}`;
    }),
  );
}

/** The content on one line, in quotes, safe to print, if it is a short text. */
async function shortText({ bucket, object }: Read, signal: AbortSignal): Promise<string | undefined> {
  if (object.size > shortest) return undefined;
  try {
    const bytes = Buffer.concat(await Array.fromAsync(readAll(bucket, object, signal)));
    return JSON.stringify(printable(new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim(), shown));
  } catch {
    signal.throwIfAborted();
    return undefined; // no text, or gone since
  }
}
