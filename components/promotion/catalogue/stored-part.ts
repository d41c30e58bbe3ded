import { unpackListing } from "../../catalogue/listing.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";

/** Reads a part from the first mirror that has it whole. @returns undefined if no mirror has it. @throws if it may be in a mirror that cannot be read. */
export async function readPart(key: string, mirrors: readonly CatalogueMirror[]): Promise<string | undefined> {
  let failure: unknown;
  for (const mirror of mirrors) {
    try {
      const bytes = await mirror.read(key);
      const text = bytes && unpackListing(bytes);
      if (text !== undefined) return text;
    } catch (error) {
      if (!(error instanceof BucketAbsent)) failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}
