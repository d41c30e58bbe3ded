import type { Stored } from "../storage/bucket.ts";
import type { MirrorFiles } from "./mirror-files.ts";
import type { MirrorPlan } from "./plan.ts";

/** An object that can be copied inside its store: what it holds is proven. */
export interface StoreCopySource {
  /** Name of the bucket. */
  readonly bucket: string;
  readonly object: Stored & { readonly sha256: string };
}

/** A mirror that has a file. */
interface Holder {
  readonly files: MirrorFiles;
  readonly plan: MirrorPlan;
  readonly givenUp: string | undefined;
}

/** The first mirror of a store whose object at a path is proven by the store to have the wanted content; undefined if none is. */
export async function storeCopySource(
  holders: readonly Holder[],
  kind: MirrorPlan["mirror"]["kind"],
  path: string,
  sha256: string,
): Promise<StoreCopySource | undefined> {
  for (const { files, plan, givenUp } of holders) {
    const { mirror } = plan;
    if (mirror.kind !== kind || givenUp !== undefined) continue;
    try {
      const object = await files.stat(path);
      if (object?.sha256 === sha256) return { bucket: mirror.bucket, object: { ...object, sha256 } };
    } catch {
      // The next one, or a source that is read: the failure shows there if it matters.
    }
  }
  return undefined;
}
