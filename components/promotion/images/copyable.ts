import { causeOf } from "../http/errors.ts";
import { headBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import type { Remote } from "../oci/remote.ts";
import { countOf } from "../text/count-of.ts";

/** What keeps manifests from being copied, or from being pulled after that; a sentence each, without the image's name. */
export interface CopyProblems {
  readonly errors: readonly string[];
  /** Layers that clients must find elsewhere. */
  readonly warnings: readonly string[];
}

/** Asks whether all that manifests name can be copied. Images share layers: each is asked for once in each repository. */
export class CopyCheck {
  readonly #asked = new Map<string, ReturnType<typeof headBlob>>();

  /**
   * @param manifests all manifests of a digest, with those of its attachments.
   * @param sources where its blobs may be.
   */
  async check(manifests: readonly Manifest[], sources: readonly Remote[]): Promise<CopyProblems> {
    const errors = wrongSizes(manifests);
    const warnings: string[] = [];
    const checked = new Set<string>();
    await Promise.all(
      manifests.flatMap((manifest) =>
        [...manifest.blobs, ...manifest.foreign].map(async (blob) => {
          const key = `${blob.digest} ${blob.size}`;
          if (checked.has(key)) return;
          checked.add(key);
          const problem = await this.#problemOf(blob, sources);
          if (problem === undefined) return;
          const line = `${kindOf(manifest, blob)} ${blob.digest} of ${manifest.digest} ${problem.what}`;
          if (problem.isAbsent && blob.isForeign)
            warnings.push(`${line}: clients fetch it from the servers that the manifest names, if those still have it`);
          else errors.push(line);
        }),
      ),
    );
    return { errors: errors.sort(), warnings: warnings.sort() };
  }

  async #problemOf(
    { digest, size }: Descriptor,
    sources: readonly Remote[],
  ): Promise<{ readonly what: string; readonly isAbsent?: true } | undefined> {
    let failure: unknown;
    for (const source of sources) {
      try {
        const found = await this.#head(source, digest);
        if (found === undefined) continue;
        if (found.size === undefined || found.size === size) return undefined;
        return { what: `has ${countOf(found.size, "byte")}, and the manifest says ${size}: clients refuse it` };
      } catch (error) {
        source.signal.throwIfAborted();
        failure ??= error;
      }
    }
    if (failure !== undefined) return { what: `could not be asked for: ${causeOf(failure)}` };
    const where = sources.map(({ repository }) => `${repository.host}/${repository.name}`).join(", ");
    return { what: `is not in ${where}`, isAbsent: true };
  }

  #head(source: Remote, digest: Digest): ReturnType<typeof headBlob> {
    const key = `${source.repository.origin}/${source.repository.name}@${digest}`;
    const known = this.#asked.get(key) ?? headBlob(source, digest);
    this.#asked.set(key, known);
    return known;
  }
}

/** Entries of indexes whose size is not that of the manifest: clients compare them. */
function wrongSizes(manifests: readonly Manifest[]): string[] {
  const sizes = new Map(manifests.map(({ digest, bytes }) => [digest, bytes.length]));
  return manifests.flatMap((manifest) =>
    manifest.children.flatMap(({ digest, size }) => {
      const actual = sizes.get(digest);
      if (actual === undefined || actual === size) return [];
      return [
        `manifest ${digest}, which ${manifest.digest} lists, has ${countOf(actual, "byte")}, and the index says ${size}: clients refuse it`,
      ];
    }),
  );
}

function kindOf({ mediaType, blobs }: Manifest, blob: Descriptor): string {
  if (/index|list/.test(mediaType)) return "blob";
  return blob === blobs[0] && /config|json/.test(blob.mediaType) ? "config" : "layer";
}
