/** Redirects as the rehearsal's client follows them. */
import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { after, before, describe, it } from "mocha";
import { follow, way } from "../../local/client/follow.ts";
import { splitReference } from "../../local/client/pull-image.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";

let server: LoopbackServer;
let base: string;
const seen: { path: string; headers: IncomingHttpHeaders }[] = [];

describe("redirects in the rehearsal's client", () => {
  before(async () => {
    server = await serveOnLoopback((request, response) => {
      const path = request.url ?? "";
      seen.push({ path, headers: request.headers });
      if (path === "/relative") response.writeHead(302, { location: "here" }).end("go away");
      else if (path === "/loop") response.writeHead(307, { location: "/loop" }).end();
      else if (path === "/nowhere") response.writeHead(307).end();
      else response.end("content");
    });
    base = server.url;
  });
  after(async () => {
    await server.close();
  });

  it("records each response, and sends a proxy's headers to the first host only", async () => {
    const options = { headers: { "x-place": "Berlin" } };
    const { hops, url, status, body } = await follow("GET", `${base}/relative`, { accept: "a/b" }, options);
    assert.equal(await body.text(), "content");
    assert.deepEqual([url, status], [`${base}/here`, 200]);
    assert.deepEqual(hops, [
      { url: `${base}/relative`, status: 302 },
      { url: `${base}/here`, status: 200 },
    ]);
    assert.deepEqual(
      seen.map(({ path, headers }) => [path, headers["accept"], headers["x-place"]]),
      [
        ["/relative", "a/b", "Berlin"],
        ["/here", "a/b", undefined],
      ],
    );
    const { host } = new URL(base);
    assert.equal(way(hops, new Map([[host, "mirror"]])), "mirror -> mirror");
  });

  it("names the URL of a redirect loop and of a redirect without Location", async () => {
    await assert.rejects(follow("GET", `${base}/loop`, {}), /\/loop: more than 5 redirects/);
    await assert.rejects(follow("HEAD", `${base}/nowhere`, {}), /\/nowhere: 307 without a Location/);
  });

  it("parses references", () => {
    for (const [reference, repository, name] of [
      ["a/b", "a/b", "latest"],
      ["a/b:v1", "a/b", "v1"],
      ["a/b@sha256:00", "a/b", "sha256:00"],
      ["a/b:v1@sha256:00", "a/b", "sha256:00"],
    ]) {
      assert.deepEqual(splitReference(reference!), { repository, name });
    }
  });
});
