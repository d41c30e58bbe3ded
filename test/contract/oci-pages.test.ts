/** Lists that come in pages, from registries that page them badly: half a list is never taken for all there is. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "mocha";
import { listReferrers } from "../../components/promotion/oci/referrers.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { listRepositories } from "../../components/promotion/oci/repositories.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";

const subject = `sha256:${"0".repeat(64)}`;
const digests = [1, 2].map((digit) => `sha256:${String(digit).repeat(64)}`);
const ociIndex = "application/vnd.oci.image.index.v1+json";

/** What each kind of list is asked by, its pages, and what it then holds. */
const kinds = [
  {
    list: async (at: Remote) => (await listTags(at)).tags,
    bodies: [{ tags: ["v1"] }, { tags: ["v2"] }],
    all: ["v1", "v2"],
  },
  {
    list: (at: Remote) => listReferrers(at, subject),
    bodies: digests.map((digest) => ({ schemaVersion: 2, manifests: [{ mediaType: ociIndex, digest, size: 1 }] })),
    all: digests,
  },
  {
    list: (at: Remote) => listRepositories(at),
    bodies: [{ repositories: ["p/a"] }, { repositories: ["p/b"] }],
    all: ["p/a", "p/b"],
  },
];

for (const [index, name] of ["tags", "referrers", "repositories"].entries()) {
  describe(`pages of ${name}`, () => {
    const { list, bodies, all } = kinds[index]!;
    let server: LoopbackServer;
    let host: string;
    /** The link on each page; undefined: it is not there. */
    let links: readonly (string | undefined)[] = [];
    let asked = 0;
    const transport = new Transport({ credentials: () => Promise.resolve(undefined) });
    before(async () => {
      server = await serveOnLoopback((request, response) => {
        asked++;
        const page = Number(new URL(request.url!, "http://x").searchParams.get("last") ?? 0);
        const link = links[page];
        if (link === undefined) return void response.writeHead(404).end();
        response.writeHead(200, { "content-type": ociIndex, ...(link !== "" && { link }) });
        response.end(JSON.stringify(bodies[page % bodies.length]));
      });
      host = server.host;
    });
    after(async () => {
      await transport.close();
      await server.close();
    });
    afterEach(() => {
      asked = 0;
    });
    const at = (): Remote => ({
      transport,
      repository: repositoryAt(`${host}/p`),
      signal: new AbortController().signal,
    });
    const to = (last: number, origin = "") => `<${origin}/v2/any?last=${last}>; rel="next"`;

    it(`a link to another host, as a registry behind a proxy gives it, is followed on this one`, async () => {
      links = [to(1, "https://internal.example"), ""];
      assert.deepEqual(await list(at()), all);
    });

    it(`a page that is not there is a failure`, async () => {
      links = [to(1)];
      await assert.rejects(list(at()), / 404/);
    });

    it(`pages that go round are a failure`, async () => {
      links = [to(1), to(2), to(1)];
      await assert.rejects(list(at()), /its pages form a loop/);
      assert.equal(asked, 3);
    });
  });
}
