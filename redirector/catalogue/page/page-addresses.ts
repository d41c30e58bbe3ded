/** Which paths are views of the page. The redirector uses it too, and nothing else of the page. */

/** Whether a path (percent-encoded or not) is a view of the page. */
export function isPageAddress(path: string): boolean {
  return path === "/" || path === "/status" || path.startsWith("/projects/") || path.startsWith("/images/");
}
