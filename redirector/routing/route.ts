import { catalogueFolder, filesFolder, longestKey } from "../object-paths.ts";
import { isDigest, isRepositoryName, judgeTag } from "./reference.ts";

/** The route of a request, from its method and raw target only. Every string in it is safe in a Location header. */
export type Route = ManifestRoute | ListRoute | BlobRoute | FileRoute | PlainRoute | PageRoute | RefusedRoute;

/** A manifest, by tag or digest, from an image mirror. */
export interface ManifestRoute {
  readonly kind: "manifest";
  /** Path after the base URL of an image mirror, with leading slash: `/pause/manifests/3.9`. */
  readonly path: string;
  /** The query with its question mark, or empty. */
  readonly query: string;
  /** By a tag that lists what is attached to a digest: of cosign (`sha256-<hex>.sig`), or of registries without the referrers API (`sha256-<hex>`). */
  readonly isAttachments?: boolean;
}

/** A list from an image mirror: tags of a repository or referrers of a manifest. */
export interface ListRoute {
  readonly kind: "tags" | "referrers";
  readonly path: string;
  readonly query: string;
}

/** A blob: from an image mirror, or from a bucket with layers. */
export interface BlobRoute {
  readonly kind: "blob";
  readonly path: string;
  readonly query: string;
  readonly digest: string;
}

/** A file. */
export interface FileRoute {
  readonly kind: "file";
  /** Path after the base URL of a file mirror, percent-encoded: `/binaries/kops/1.0/f`, `/catalog/index.json`. */
  readonly path: string;
  /** Always empty: buckets interpret queries. */
  readonly query: "";
}

/** A response of the redirector itself. */
export interface PlainRoute {
  readonly kind: "ping" | "home" | "privacy" | "robots" | "healthz" | "readyz";
}

/** A page for people: the catalogue, the mirrors' health, or a static file of the page. */
export interface PageRoute {
  readonly kind: "page";
  readonly path: string;
  /** The query with its question mark, or empty. */
  readonly query: string;
}

/** A refused request, and why. */
export interface RefusedRoute {
  readonly kind: "refused";
  readonly status: 400 | 404 | 405 | 414;
  /** OCI clients get the error body of the distribution spec ("Error Codes"), others plain text. */
  readonly form: "oci" | "text";
  readonly code: string;
  readonly message: string;
}

const plain = new Map<string, PlainRoute>([
  ["/", { kind: "home" }],
  ["/privacy", { kind: "privacy" }],
  ["/robots.txt", { kind: "robots" }],
  ["/healthz", { kind: "healthz" }],
  ["/readyz", { kind: "readyz" }],
  ["/v2", { kind: "ping" }],
  ["/v2/", { kind: "ping" }],
]);

/** Path prefixes in file mirrors: the projects' files, and the catalogue. */
const filePrefixes = [`/${filesFolder}`, `/${catalogueFolder}`];
const pagePrefixes = ["/projects/", "/images/", "/assets/"];
const pages = new Set(["/status", "/status.json"]);
const attachmentsTag = /^sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/;
const visible = /^[\x21-\x7e]*$/;
const unreservedPath = /^[A-Za-z0-9._~/-]+$/;
const dotSegment = /(?:^|\/)\.{1,2}(?:\/|$)/;
/** Visible characters that a URL path must not contain (RFC 3986 section 3.3), and `+`, which S3 decodes as a space. */
const toEncode = /["+<>[\\\]^`{|}]/g;

/**
 * Routes a request by its raw target: what a URL parser would normalize (`..`, `%2e%2e`, `\`, `//host`) is refused.
 * `longest` is the longest accepted target in characters. Never throws.
 */
export function route(method: string, target: string, longest: number): Route {
  const whole = originForm(target);
  const question = whole.indexOf("?");
  const path = question === -1 ? whole : whole.slice(0, question);
  const inRegistry = path.startsWith("/v2/") || path === "/v2";
  if (method !== "GET" && method !== "HEAD") {
    return refuse(inRegistry, 405, "UNSUPPORTED", "only GET and HEAD are supported: this registry is read-only");
  }
  if (target.length > longest) {
    return refuse(inRegistry, 414, "UNSUPPORTED", `the request target is longer than ${longest} characters`);
  }
  if (path.length > 4 && inRegistry) return registryRoute(path, question === -1 ? "" : whole.slice(question));
  const fixed = plain.get(path);
  if (fixed) return fixed;
  if (filePrefixes.some((prefix) => path.startsWith(prefix))) return fileRoute(path);
  if (pages.has(path) || pagePrefixes.some((prefix) => path.startsWith(prefix))) {
    return { kind: "page", path, query: question === -1 ? "" : whole.slice(question) };
  }
  return notFound;
}

const notFound: RefusedRoute = { kind: "refused", status: 404, form: "text", code: "", message: "not found" };

/** The target as path and query: in the absolute form (RFC 9112 section 3.2.2) the host is ignored, because only one is served. */
export function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target);
  if (!absolute) return target;
  const rest = target.slice(absolute[0].length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function registryRoute(rawPath: string, query: string): Route {
  if (!visible.test(query) || query.includes("#")) {
    return refuse(true, 400, "UNSUPPORTED", "the query holds characters that a URL does not have");
  }
  let path = rawPath;
  if (path.includes("%")) {
    const decoded = decodeOnce(path);
    if (decoded === undefined)
      return refuse(true, 400, "NAME_INVALID", "the path is wrongly percent-encoded or holds an encoded slash");
    path = decoded;
  }
  const last = path.lastIndexOf("/");
  const beforeLast = path.lastIndexOf("/", last - 1);
  const verb = path.slice(beforeLast + 1, last);
  const reference = path.slice(last + 1);
  // "/v2/" ends at 4: without a name, as in /v2/manifests/x, the slice is empty, which is not a repository name.
  const name = path.slice(4, Math.max(4, beforeLast));
  switch (verb) {
    case "manifests": {
      if (!isRepositoryName(name)) return invalidName;
      const problem = reference.includes(":") ? judgeDigest(reference) : refuseTag(reference);
      if (problem) return problem;
      const found: ManifestRoute = { kind: "manifest", path: path.slice(3), query };
      return attachmentsTag.test(reference) ? { ...found, isAttachments: true } : found;
    }
    case "blobs":
      if (!isRepositoryName(name)) return invalidName;
      return judgeDigest(reference) ?? { kind: "blob", path: path.slice(3), query, digest: reference };
    case "referrers":
      if (!isRepositoryName(name)) return invalidName;
      return judgeDigest(reference) ?? { kind: "referrers", path: path.slice(3), query };
    case "tags":
      if (reference !== "list") break;
      if (!isRepositoryName(name)) return invalidName;
      return { kind: "tags", path: path.slice(3), query };
  }
  if (dotSegment.test(path)) return invalidName;
  return refuse(true, 404, "UNSUPPORTED", "this registry serves manifests, blobs, tags and referrers");
}

const invalidName: RefusedRoute = {
  kind: "refused",
  status: 400,
  form: "oci",
  code: "NAME_INVALID",
  message:
    "not a repository name: parts of lower-case letters, digits and separators, joined by single slashes, at most 255 characters",
};

function judgeDigest(text: string): RefusedRoute | undefined {
  if (isDigest(text)) return undefined;
  return refuse(
    true,
    400,
    "DIGEST_INVALID",
    "not a digest: sha256 with 64 or sha512 with 128 lower-case hexadecimal digits",
  );
}

function refuseTag(text: string): RefusedRoute | undefined {
  switch (judgeTag(text)) {
    case "tag":
      return undefined;
    case "too-long":
      return refuse(true, 404, "MANIFEST_UNKNOWN", "no tag is longer than 128 characters");
    case "invalid":
      return refuse(
        true,
        400,
        "TAG_INVALID",
        "not a tag: letters, digits, '_', '.' and '-', not starting with '.' or '-'",
      );
  }
}

/** A file's route. A path that is longer than a key is unknown: no mirror has it, and each would refuse the request. */
function fileRoute(path: string): Route {
  if (path.endsWith("/")) return notFound;
  if (unreservedPath.test(path)) {
    if (path.length > 1 + longestKey) return notFound;
    return dotSegment.test(path) || path.includes("//") ? badFilePath : { kind: "file", path, query: "" };
  }
  if (!visible.test(path) || path.includes("#")) return badFilePath;
  const decoded = decodeOnce(path);
  if (decoded === undefined || dotSegment.test(decoded) || decoded.includes("//") || decoded.includes("\\"))
    return badFilePath;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\0-\x1f\x7f]/.test(decoded)) return badFilePath;
  if (Buffer.byteLength(decoded) > 1 + longestKey) return notFound;
  return { kind: "file", path: path.replace(toEncode, encodeURIComponent), query: "" };
}

const badFilePath: RefusedRoute = {
  kind: "refused",
  status: 400,
  form: "text",
  code: "",
  message:
    "not the path of a file: empty and dot segments, backslashes, control characters and encoded slashes are refused",
};

/** Percent-decodes a path once as UTF-8; undefined if that fails or would add a slash. */
function decodeOnce(path: string): string | undefined {
  if (/%2f/i.test(path)) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function refuse(inRegistry: boolean, status: RefusedRoute["status"], code: string, message: string): RefusedRoute {
  return { kind: "refused", status, form: inRegistry ? "oci" : "text", code, message };
}
