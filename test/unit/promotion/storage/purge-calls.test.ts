import assert from "node:assert/strict";
import { it } from "mocha";
import { isPublished, purgeCalls } from "../../../../components/promotion/storage/purge-calls.ts";

const bucket = { kind: "s3", bucket: "b", region: "auto", url: "https://cdn.example.org/files" } as const;
const keys = (count: number, key: (n: number) => string) => Array.from({ length: count }, (_, n) => key(n));

it("Cloudflare: the public URLs, a hundred in a call", () => {
  const api = "https://api.cloudflare.com/client/v4/zones/z/purge_cache";
  const calls = purgeCalls(
    { ...bucket, by: "cloudflare", api, token: "T" },
    keys(201, (n) => `binaries/a/${n}`),
  );
  assert.deepEqual(
    calls.map(({ method, url, body }) => [method, url, Object.values(body ?? {}).flat().length]),
    [100, 100, 1].map((count) => ["POST", api, count]),
  );
  assert.deepEqual(calls[2]?.body, { files: ["https://cdn.example.org/files/binaries/a/200"] });
  assert.deepEqual(purgeCalls({ ...bucket, by: "cloudflare", api }, []), []);
});

it("an object's URL is the one that the redirector sends clients to", () => {
  const [call] = purgeCalls({ ...bucket, by: "http" }, ["binaries/a b/1+2 (ü)#?~/x"]);
  assert.deepEqual(call, {
    method: "PURGE",
    url: "https://cdn.example.org/files/binaries/a%20b/1%2B2%20(%C3%BC)%23%3F~/x",
  });
});

it("Google: paths of the CDN's host; by folders if they are many, as a whole if those are", () => {
  const google = { ...bucket, by: "google", api: "https://compute/invalidateCache" } as const;
  const paths = (of: readonly string[]) => purgeCalls(google, of).map(({ body }) => body);
  const host = "cdn.example.org";
  assert.deepEqual(paths(["binaries/a/1", "catalog/index.json"]), [
    { host, path: "/files/binaries/a/1" },
    { host, path: "/files/catalog/index.json" },
  ]);
  assert.deepEqual(
    paths(keys(101, (n) => `binaries/a/${n}`)),
    [{ host, path: "/files/binaries/a/*" }],
    "at most a hundred calls",
  );
  assert.deepEqual(paths(keys(101, (n) => `binaries/${n}/x`)), [{ host, path: "/files/*" }]);
  assert.deepEqual(paths(["binaries/a*/b*c"]), [{ host, path: "/files/binaries/a%2A/*" }], "no asterisk inside");
});

it("what clients never read is not purged", () => {
  const published = [
    "binaries/a",
    "catalog/index.json",
    "containers/images/sha256:1",
    "containers/registry/a/_tags/list",
  ];
  for (const key of published) assert.ok(isPublished(key), key);
  for (const key of ["containers/references/1/p/a/2", "containers/parts/p", "containers/purges/1"])
    assert.ok(!isPublished(key), key);
});
