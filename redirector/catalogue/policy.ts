/**
 * The Content-Security-Policy of the page: its own script, style and icon only; data from the host and the file mirrors only; no framing; no
 * HTML from strings.
 * @param mirrors base URLs of the file mirrors.
 */
export function contentPolicy(mirrors: readonly string[]): string {
  const origins = [...new Set(mirrors.map((url) => new URL(url).origin))];
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...origins].join(" ")}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}
