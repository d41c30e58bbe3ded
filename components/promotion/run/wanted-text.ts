import type { FilesRequest, ImagesRequest } from "./request.ts";

/** The wanted lines of a request of either kind. */
export function wantedText(request: ImagesRequest | FilesRequest): string {
  return "images" in request ? request.images : request.files;
}
