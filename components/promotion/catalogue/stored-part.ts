import { unpackListing } from "../../catalogue/listing.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { fromFirst } from "./from-first.ts";

/** Reads a part from the first mirror that has it whole. @returns undefined if no mirror has it. @throws if it may be in a mirror that cannot be read. */
export function readPart(key: string, mirrors: readonly CatalogueMirror[]): Promise<string | undefined> {
  return fromFirst(mirrors, async (mirror) => {
    const bytes = await mirror.read(key);
    return bytes && unpackListing(bytes);
  });
}
