import { fileKey } from "../../../redirector/object-paths.ts";
import { readObjectBack } from "../blobs/read-object-back.ts";
import type { ContentFault, ReadingBack } from "../run/content-fault.ts";
import type { FileMirror, FilesRequest } from "../run/request.ts";
import { openBucket } from "./mirror-files.ts";

/** Reads every byte of a file in a mirror. @param sha256 what it must be, hex. @throws what the bucket answers if it cannot be read. */
export async function readFileBack(
  { prefix, storage }: FilesRequest,
  mirror: FileMirror,
  path: string,
  sha256: string,
  reading: ReadingBack,
): Promise<ContentFault[]> {
  return await readObjectBack(openBucket(storage, mirror), fileKey(prefix, path), sha256, reading);
}
