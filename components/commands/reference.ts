import { digestFault, digestPattern, imageFault, imagePattern, tagFault, tagPattern } from "../manifests/names.ts";
import { UsageError } from "./command.ts";

/** `image`, `image:tag`, `image:pattern`, `image@digest` or `image:tag@digest`, of one project. */
export interface Reference {
  readonly image: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** In place of a tag: a text with `*`, which stands for any characters. */
  readonly pattern: string | undefined;
}

/**
 * Reads a reference; `HOST/PATH/image:tag` too, if HOST/PATH is the staging repository. Throws UsageError that says what is wrong with it.
 * @param registryUri the staging repository, `HOST/PATH`.
 */
export function parseReference(text: string, registryUri?: string): Reference {
  const [named = "", ...digests] = withoutHost(text, registryUri).split("@");
  const [image = "", ...tags] = named.split(":");
  const [tag] = tags;
  const [digest] = digests;
  if (tags.length > 1 || digests.length > 1) throw new UsageError(`${text} is not IMAGE[:TAG][@DIGEST]`);
  if (!imagePattern.test(image)) throw new UsageError(imageFault(image));
  if (digest !== undefined && !digestPattern.test(digest)) throw new UsageError(digestFault(digest));
  if (tag?.includes("*") === true) {
    if (digest !== undefined) throw new UsageError(`${text}: a pattern of tags has no digest`);
    if (!tagPattern.test(tag.replaceAll("*", "x"))) throw new UsageError(tagFault(tag));
    return { image, tag: undefined, digest, pattern: tag };
  }
  if (tag !== undefined && !tagPattern.test(tag)) throw new UsageError(tagFault(tag));
  return { image, tag, digest, pattern: undefined };
}

/**
 * The path of a file in a staging bucket; of `gs://BUCKET/PATH` what is below the bucket. Throws UsageError for another bucket.
 * @param bucket the staging bucket's name.
 * @param folder of the bucket that the project's files are staged in; the path is relative to it.
 */
export function parseFilePath(text: string, bucket: string, folder?: string): string {
  const full = /^(?:gs:\/\/|https:\/\/storage\.googleapis\.com\/)([^/]+)\/(.*)$/.exec(text);
  if (full === null) return text;
  if (full[1] !== bucket)
    throw new UsageError(`${text} is in the bucket ${full[1]}, not in the project's staging bucket ${bucket}`);
  const path = full[2]!;
  if (folder === undefined) return path;
  if (!path.startsWith(`${folder}/`))
    throw new UsageError(`${text} is not in the project's folder ${folder}/ of its staging bucket`);
  return path.slice(folder.length + 1);
}

/** What follows the staging repository in a full reference. An image's name has no dot and no port before its first slash. */
function withoutHost(text: string, registryUri: string | undefined): string {
  const bare = text.replace(/^(?:https?|docker|oci):\/\//, "");
  if (registryUri !== undefined && bare.startsWith(`${registryUri}/`)) return bare.slice(registryUri.length + 1);
  const [first = "", ...rest] = bare.split("/");
  if (registryUri !== undefined && rest.length > 0 && /^localhost(:|$)|[.:]/.test(first))
    throw new UsageError(`${text} is not below the project's staging repository ${registryUri}: push it there first`);
  return bare;
}
