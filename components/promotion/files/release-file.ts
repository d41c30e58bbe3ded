import type { ObjectHeaders } from "../storage/bucket.ts";

/**
 * How a release file is served. A path never changes its content, hence `immutable`; one day, because a removed file
 * must also disappear from other parties' caches within a bounded time. A file that is declared mutable is asked for again after a minute, as a
 * moved tag is in a bucket that serves images.
 */
export function releaseFileHeaders(project: string, path: string, isMutable: boolean): ObjectHeaders {
  const cacheControl = isMutable ? "public, max-age=60" : "public, max-age=86400, immutable";
  return { contentType: contentType(path), cacheControl, project };
}

/** Media types (IANA registry) by the end of the name; all other files are served as bytes. */
const contentTypes: Readonly<Record<string, string>> = {
  asc: "application/pgp-signature",
  bz2: "application/x-bzip2",
  cert: "text/plain; charset=utf-8",
  gz: "application/gzip",
  json: "application/json",
  md: "text/markdown; charset=utf-8",
  md5: "text/plain; charset=utf-8",
  pem: "application/x-pem-file",
  sha1: "text/plain; charset=utf-8",
  sha256: "text/plain; charset=utf-8",
  sha256sum: "text/plain; charset=utf-8",
  sha512: "text/plain; charset=utf-8",
  sha512sum: "text/plain; charset=utf-8",
  sig: "text/plain; charset=utf-8",
  tar: "application/x-tar",
  tgz: "application/gzip",
  txt: "text/plain; charset=utf-8",
  xz: "application/x-xz",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
  zst: "application/zstd",
};

/** Files of checksums, as `sha256sum` writes them: `SHA256SUMS`, `SHA512SUMS.txt`, `checksums`. */
const checksumFile = /(^|\/)(md5|sha(1|224|256|384|512))sums?$|(^|\/)checksums?$/i;

function contentType(path: string): string {
  if (checksumFile.test(path)) return "text/plain; charset=utf-8";
  const ending = /\.([a-z0-9]+)$/.exec(path.toLowerCase())?.[1] ?? "";
  return contentTypes[ending] ?? "application/octet-stream";
}
