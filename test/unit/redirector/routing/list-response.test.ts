/** What a client gets of a whole list, by its query. */
import assert from "node:assert/strict";
import { it } from "mocha";
import type { WholeList } from "../../../../redirector/mirrors/lists.ts";
import { listResponse } from "../../../../redirector/routing/list-response.ts";

const tags: WholeList = { kind: "tags", tags: ["B", "a", "b", "c"] };
const path = "/demo/app/tags/list";
const link = (query: string) => `</v2${path}${query}>; rel="next"`;

const cases: [query: string, tags: string[], link?: string][] = [
  ["", ["B", "a", "b", "c"]],
  ["?n=4", ["B", "a", "b", "c"]],
  ["?n=3", ["B", "a", "b"], link("?n=3&last=b")],
  ["?n=3&last=b", ["c"]],
  ["?last=aa", ["b", "c"]],
  ["?last=c", []],
  ["?last=zz&n=2", []],
  ["?n=0", []],
  ["?n=-1", ["B", "a", "b", "c"]],
  ["?n=x&ns=registry.example.org", ["B", "a", "b", "c"]],
  ["?n=1&last=%0d%0aX-Evil:1", ["B"], link("?n=1&last=B")],
];
for (const [query, expected, next] of cases) {
  it(`tags/list${query}`, () => {
    const response = listResponse(tags, { kind: "tags", path, query });
    assert.deepEqual(JSON.parse(response.body!), { name: "demo/app", tags: expected });
    assert.equal(response.link, next);
  });
}

it("referrers: all, by type, and byte for byte", () => {
  const referrers = [
    { digest: "sha256:1", artifactType: "a/sbom", annotations: { title: "Prüfung €" } },
    { digest: "sha256:2", artifactType: "a/sig" },
  ];
  const ask = (query: string) => {
    const list: WholeList = { kind: "referrers", referrers };
    const { headers, body } = listResponse(list, { kind: "referrers", path: "/demo/app/referrers/sha256:0", query });
    const { manifests } = JSON.parse(Buffer.from(body!, "latin1").toString("utf8")) as { manifests: unknown[] };
    return { manifests, filtered: Object.fromEntries(headers)["OCI-Filters-Applied"] };
  };
  assert.deepEqual(ask(""), { manifests: referrers, filtered: undefined });
  assert.deepEqual(ask("?artifactType=a%2Fsbom"), { manifests: [referrers[0]], filtered: "artifactType" });
  assert.deepEqual(ask("?artifactType=none"), { manifests: [], filtered: "artifactType" });
});
