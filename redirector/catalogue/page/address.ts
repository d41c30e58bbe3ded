/** The URLs of the page's views. Each view has a URL that can be bookmarked and shared. */

/** A view of the page. */
export type View =
  | { readonly kind: "home"; readonly query: string }
  | { readonly kind: "project"; readonly project: string }
  /** `path`: a release, or a file in it, relative to the project's files; empty for files without a release. */
  | { readonly kind: "files"; readonly project: string; readonly path: string }
  /** `reference`: tag or digest of the version to open. */
  | { readonly kind: "image"; readonly repository: string; readonly reference: string | undefined }
  | { readonly kind: "status" }
  | { readonly kind: "unknown"; readonly path: string };

/** The view of a URL: its path as the browser has it (percent-encoded), and its query with the question mark, or "". */
export function readViewAddress(address: string, search: string): View {
  const decoded = decode(address);
  if (decoded === undefined) return { kind: "unknown", path: address };
  if (decoded === "/") return { kind: "home", query: new URLSearchParams(search).get("q") ?? "" };
  if (decoded === "/status") return { kind: "status" };
  const [, project, path] = /^\/projects\/([^/]+)(?:\/files\/(.*)|\/)?$/.exec(decoded) ?? [];
  if (project !== undefined)
    return path === undefined ? { kind: "project", project } : { kind: "files", project, path };
  const [, repository, tag, digest] =
    /^\/images\/([^:@]*[^:@/])(?::([^/:@]+)|@(sha256:[0-9a-f]{64}))?\/?$/.exec(decoded) ?? [];
  if (repository !== undefined) return { kind: "image", repository, reference: tag ?? digest };
  return { kind: "unknown", path: decoded };
}

/** The URL of a view. */
export function addressOf(view: Exclude<View, { kind: "unknown" }>): string {
  switch (view.kind) {
    case "home":
      return view.query === "" ? "/" : `/?${new URLSearchParams({ q: view.query })}`;
    case "project":
      return `/projects/${encode(view.project)}`;
    case "files":
      return `/projects/${encode(view.project)}/files/${encode(view.path)}`;
    case "image": {
      const { repository, reference } = view;
      const separator = reference?.startsWith("sha256:") ? "@" : ":";
      return `/images/${encode(repository)}${reference === undefined ? "" : separator + encode(reference)}`;
    }
    case "status":
      return "/status";
  }
}

/** The URL path of a file, percent-encoded where necessary. */
export function fileAddress(path: string): string {
  return `/${encode(path)}`;
}

/** Percent-encodes only the characters that have a meaning in a path, to keep URLs readable. */
function encode(text: string): string {
  return encodeURI(text).replace(/[?#+]/g, encodeURIComponent);
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined; // invalid percent-encoding
  }
}
