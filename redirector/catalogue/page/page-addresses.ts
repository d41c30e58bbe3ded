/** Which paths are views of the page. The redirector asks too: it knows the page by nothing else. */

/** Whether a path (percent-encoded or not) is a view's. */
export function isPageAddress(path: string): boolean {
  return path === "/" || path === "/status" || path.startsWith("/projects/") || path.startsWith("/images/");
}
