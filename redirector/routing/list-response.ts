import type { HeaderSet, OutgoingResponse } from "../http1/request.ts";
import type { WholeList } from "../mirrors/lists.ts";
import type { ListRoute } from "./route.ts";

/**
 * The response to a list: the tags after `last`, at most `n`, with a link to the rest (distribution spec 1.1, "Listing Tags"); or the referrers of
 * the `artifactType` ("Listing Referrers"). Links use the path that the client requested.
 */
export function listResponse(list: WholeList, { path, query }: ListRoute): OutgoingResponse {
  const parameters = new URLSearchParams(query);
  if (list.kind === "referrers") {
    const type = parameters.get("artifactType");
    const manifests = type ? list.referrers.filter(({ artifactType }) => artifactType === type) : list.referrers;
    const body = { schemaVersion: 2, mediaType: indexType, manifests };
    return { status: 200, headers: type ? filteredReferrers : allReferrers, body: jsonBytes(body) };
  }
  const last = parameters.get("last") ?? "";
  const rest = last === "" ? list.tags : list.tags.slice(firstAfter(list.tags, last));
  const most = numberIn(parameters.get("n"));
  const tags = most === undefined ? rest : rest.slice(0, most);
  const body = jsonBytes({ name: path.slice(1, -"/tags/list".length), tags });
  if (tags.length === 0 || tags.length === rest.length) return { status: 200, headers: tagList, body };
  const next = `/v2${path}?n=${most}&last=${encodeURIComponent(tags.at(-1)!)}`;
  return { status: 200, headers: tagList, link: `<${next}>; rel="next"`, body };
}

const indexType = "application/vnd.oci.image.index.v1+json";
const common = [
  ["Docker-Distribution-Api-Version", "registry/2.0"],
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
] as const;
const tagList: HeaderSet = [...common, ["Content-Type", "application/json"]];
const allReferrers: HeaderSet = [...common, ["Content-Type", indexType]];
const filteredReferrers: HeaderSet = [...allReferrers, ["OCI-Filters-Applied", "artifactType"]];

/** Index of the first item of a sorted list that sorts after a text. */
function firstAfter(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Ignores an invalid number, as most registries do. */
function numberIn(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** JSON as latin1: one character per byte. */
function jsonBytes(value: unknown): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("latin1");
}
