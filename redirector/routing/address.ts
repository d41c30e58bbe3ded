import type { MirrorSite } from "../mirrors/mirrors.ts";
import { layerKey, manifestKey, referrersKey, tagsKey } from "../object-paths.ts";
import type { BlobRoute, FileRoute, ListRoute, ManifestRoute } from "./route.ts";

/** A route to something in a mirror. */
export type MirrorRoute = ManifestRoute | ListRoute | BlobRoute | FileRoute;

/** Where a mirror has what a route leads to: the URL, and the query of the request, which buckets do not get because they interpret queries. */
export function addressIn(site: MirrorSite, route: MirrorRoute): { readonly url: string; readonly query: string } {
  if (site.kind !== "objects" || route.kind === "file") return { url: site.url + route.path, query: route.query };
  return { url: `${site.url}/${objectKey(route)}`, query: "" };
}

function objectKey({ kind, path }: Exclude<MirrorRoute, FileRoute>): string {
  const reference = path.slice(path.lastIndexOf("/") + 1);
  const name = path.slice(1, path.lastIndexOf("/", path.length - reference.length - 2));
  switch (kind) {
    case "manifest":
      return manifestKey(name, reference);
    case "blob":
      return layerKey(reference);
    case "tags":
      return tagsKey(name);
    case "referrers":
      return referrersKey(name, reference);
  }
}
