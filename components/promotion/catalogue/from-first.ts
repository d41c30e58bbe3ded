import { BucketAbsent } from "../storage/bucket.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";

/**
 * What the first mirror has that has it. A bucket that does not exist has nothing.
 * @param find undefined: the mirror does not have it.
 * @param isAbsence whether an error says that the mirror does not have it whole.
 * @returns undefined if no mirror has it. @throws the first error of a mirror that may have it, if no other has.
 */
export async function fromFirst<Found>(
  mirrors: readonly CatalogueMirror[],
  find: (mirror: CatalogueMirror) => Promise<Found | undefined>,
  isAbsence: (error: unknown) => boolean = () => false,
): Promise<Found | undefined> {
  let failure: unknown;
  for (const mirror of mirrors) {
    try {
      const found = await find(mirror);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof BucketAbsent || isAbsence(error))) failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}
