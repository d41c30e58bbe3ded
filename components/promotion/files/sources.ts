/** Where a release file may be copied from. All sources are equal, since content is verified. */

import { WrongContent } from "../blobs/fan-out.ts";
import { causeOf } from "../http/errors.ts";
import { type Bucket, type Content, chunkBytes, type Stored } from "../storage/bucket.ts";
import { measured } from "./mirror-files.ts";

/** A bucket that may have a file. */
export interface FileSource {
  readonly bucket: Bucket;
  /** Whoever pushes there also writes what its objects say of themselves: a recorded SHA-256 proves nothing. */
  readonly isStaging: boolean;
  readonly key: string;
  /** The object there, if any. @param isAgain asks the store, whatever is known of a listing. */
  stat(isAgain?: boolean): Promise<Stored | undefined>;
}

/**
 * What is known of the content before it is copied. A large object without its store's CRC32C is read once to compute
 * it, because a store that keeps no SHA-256 can later prove the copy's content only by CRC32C.
 * @throws WrongContent if reading shows that it is not the wanted content.
 */
export async function contentOf(bucket: Bucket, object: Stored, sha256: string, signal: AbortSignal): Promise<Content> {
  if (object.crc32c !== undefined) return { size: object.size, sha256, crc32c: object.crc32c };
  if (object.size <= chunkBytes(object.size)) return { size: object.size, sha256 };
  const found = await measured(bucket, object, signal);
  if (found.sha256 !== sha256) throw new WrongContent("other content", found.sha256);
  return found;
}

/** Why a source could not be used, with its URL. */
export function causeAt(source: FileSource, object: Stored | undefined, error: unknown): string {
  const at = `${source.bucket.url}/${source.key}`;
  if (error instanceof WrongContent && error.sha256 !== undefined) {
    const encoding = object?.encoding;
    const hint = encoding === undefined ? "" : ` (stored with Content-Encoding ${encoding}: stage it without)`;
    return `${at} has sha256:${error.sha256}, which is not what the manifest says${hint}`;
  }
  const message = causeOf(error);
  return message.startsWith(at) ? message : `${at}: ${message}`;
}
