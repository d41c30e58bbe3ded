import { digestFault, digestPattern, imageFault, imagePattern, tagFault, tagPattern } from "../manifests/names.ts";
import { UsageError } from "./command.ts";

/** `image`, `image:tag`, `image@digest` or `image:tag@digest`, of one project. */
export interface Reference {
  readonly image: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Reads a reference. Throws UsageError that says what is wrong with it. */
export function parseReference(text: string): Reference {
  const [named = "", ...digests] = text.split("@");
  const [image = "", ...tags] = named.split(":");
  const [tag] = tags;
  const [digest] = digests;
  if (tags.length > 1 || digests.length > 1) throw new UsageError(`${text} is not IMAGE[:TAG][@DIGEST]`);
  if (!imagePattern.test(image)) throw new UsageError(imageFault(image));
  if (tag !== undefined && !tagPattern.test(tag)) throw new UsageError(tagFault(tag));
  if (digest !== undefined && !digestPattern.test(digest)) throw new UsageError(digestFault(digest));
  return { image, tag, digest };
}
