/** Users report: a mirror's odd status breaks clients. What each status of an object in a registry or a bucket does to the client that asks for it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "mocha";
import { afterFile } from "../../support/cleanup.ts";
import { serveOnLoopback } from "../../support/loopback-server.ts";
import { startRedirector } from "../../support/redirector-process.ts";

/** The second table of statuses in redirector/README.md: where clients of a mirror go, and what they get if every mirror says the same. */
const rows: [meaning: string, statuses: number[], goTo: string, registries: string, buckets: string][] = [
  ["present", [200, 204, 302, 304], "that mirror", "that mirror", "that mirror"],
  ["absent", [404, 410], "the canonical mirror", "the canonical mirror", "404"],
  ["refused", [400, 401, 403, 405, 451, 498], "the canonical mirror", "the canonical mirror", "404"],
  ["failing", [408, 425, 500, 502, 503, 504, 520], "the second choice", "the canonical mirror", "the canonical mirror"],
];

/** Where the mirrors are, from the client. */
const names = { "that mirror": 0, "the second choice": 10, "the canonical mirror": 50 } as const;

describe("statuses of mirrors", () => {
  let origin: string;
  const hosts = new Map<string, string>();

  before(async () => {
    for (const name of Object.keys(names)) {
      const server = await serveOnLoopback(({ url = "" }, response) => {
        const [, where, status] = /\/(near|all)-(\d+)/.exec(url) ?? [];
        response.statusCode = where === "all" || (where === "near" && name === "that mirror") ? Number(status) : 200;
        if (response.statusCode === 302) response.setHeader("location", "/elsewhere");
        response.end();
      });
      afterFile(() => void server.close());
      hosts.set(name, server.host);
    }
    const mirrors = (kind: string, path: string) =>
      Object.entries(names)
        .reverse() // the canonical one first
        .map(([name, at]) => ({
          name: `${kind}-${at}`,
          url: `http://${hosts.get(name)}${path}`,
          cloud: "gcp" as const,
          region: `r${at}`,
          latitude: at,
          longitude: at,
        }));
    const redirector = await startRedirector({
      config: {
        host: "artifacts.example.dev",
        region: { name: "r0", latitude: 0, longitude: 0 },
        existence: { timeoutSeconds: 5 },
        imageMirrors: mirrors("images", "/v2/p/images"),
        fileMirrors: mirrors("files", "/bucket"),
      },
    });
    afterFile(() => redirector.stop());
    origin = `http://127.0.0.1:${redirector.port}`;
  });

  const paths = {
    registry: (object: string) => `/v2/demo/${object}/manifests/v1`,
    bucket: (object: string) => `/binaries/demo/${object}`,
  };
  /** The mirror that a client is sent to, or the status. */
  async function decision(path: string): Promise<string> {
    const response = await fetch(`${origin}${path}`, { redirect: "manual" });
    if (response.status !== 307) return String(response.status);
    const { host } = new URL(response.headers.get("location")!);
    return [...hosts].find(([, address]) => address === host)![0];
  }

  for (const [kind, path] of Object.entries(paths))
    it(`of an object in a ${kind}`, async () => {
      const found = [];
      const expected = [];
      for (const [meaning, statuses, goTo, registries, buckets] of rows)
        for (const status of statuses) {
          // What is served in between keeps the circuit breakers closed: one odd object changes nothing for others.
          for (let each = 0; each < 2; each++) await decision(path(`well-${meaning}-${status}-${each}`));
          found.push([status, await decision(path(`near-${status}`)), await decision(path(`all-${status}`))]);
          expected.push([status, goTo, kind === "registry" ? registries : buckets]);
        }
      assert.deepEqual(found, expected);
    });

  it("429 of one object: all clients of that mirror go to the second choice", async () => {
    for (const path of Object.values(paths)) {
      assert.equal(await decision(path("near-429")), "the second choice");
      assert.equal(await decision(path("well-known")), "the second choice");
    }
  });

  it("the table in redirector/README.md says the same", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../redirector/README.md"), "utf8");
    for (const [meaning, , ...cells] of rows) {
      const row = `| ${meaning} | ${cells.join(" | ")} |`;
      assert.ok(text.includes(row), row);
    }
  });
});
