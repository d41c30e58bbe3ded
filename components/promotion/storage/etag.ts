/** An ETag as recorded: the quotes are HTTP's. */
export function withoutQuotes(etag: string | undefined): string | undefined {
  return etag?.replaceAll('"', "");
}
