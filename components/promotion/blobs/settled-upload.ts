import type { UploadStatus } from "../oci/blobs.ts";

/** ms between two questions. In sum as long as a registry may need to write what a broken request had sent it. */
const pauses = [250, 500, 1_000, 2_000] as const;

/**
 * Asks for the status of an upload whose request broke, until its offset is one to resume from: the registry has all that was sent, or has
 * said the same twice. While it still writes what the broken request brought, the offset it names is too small a moment later, and a chunk
 * that begins there is refused with 416 (OCI distribution spec, "Pushing a blob in chunks").
 * @param sent the largest offset that can have reached the registry, in bytes.
 * @param ask gives the status, or undefined if the registry no longer knows the upload.
 * @param pause waits so many ms.
 * @returns `settled` false: the offset still moves after the last question, so that the upload is of no use.
 */
export async function settledUpload(
  sent: number,
  ask: () => Promise<UploadStatus | undefined>,
  pause: (milliseconds: number) => Promise<void>,
): Promise<{ readonly settled: boolean; readonly status: UploadStatus | undefined }> {
  let status = await ask();
  for (const milliseconds of pauses) {
    if (!status || status.offset >= sent) return { settled: true, status };
    await pause(milliseconds);
    const next = await ask();
    if (next?.offset === status.offset) return { settled: true, status: next };
    status = next;
  }
  return { settled: !status || status.offset >= sent, status };
}
