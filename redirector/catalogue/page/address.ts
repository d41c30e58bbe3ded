/** The addresses of the page's views: each names one thing and can be kept, sent and opened again. */

/** What there is to be seen. */
export type View =
  | { readonly kind: "home"; readonly query: string }
  | { readonly kind: "project"; readonly project: string }
  /** `path`: a release, or a file in it, as it is below the project's; empty for the files that are in no release. */
  | { readonly kind: "files"; readonly project: string; readonly path: string }
  /** `reference`: a tag, or a digest, of the version to be opened. */
  | { readonly kind: "image"; readonly repository: string; readonly reference: string | undefined }
  | { readonly kind: "status" }
  | { readonly kind: "unknown"; readonly path: string };

/** Reads an address: its path as the browser has it (percent-encoded), and the query with its question mark, or nothing. */
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

/** The address of a view. */
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

/** The address of a file below the host, which may hold characters that a URL writes otherwise. */
export function fileAddress(path: string): string {
  return `/${encode(path)}`;
}

/** Percent-encodes what has a meaning in a path, and only that: addresses are read by people. */
function encode(text: string): string {
  return encodeURI(text).replace(/[?#+]/g, encodeURIComponent);
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined; // not made by us
  }
}
