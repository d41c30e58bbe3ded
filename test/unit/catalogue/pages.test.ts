import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { it } from "mocha";
import { createApp } from "../../../redirector/app.ts";
import type { Asset, Assets } from "../../../redirector/catalogue/assets.ts";
import { acceptsGzip, preferredForm } from "../../../redirector/catalogue/negotiate.ts";
import { contentPolicy } from "../../../redirector/catalogue/policy.ts";
import { emptyTable } from "../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfigInput } from "../../../redirector/config.ts";
import type { HeaderName, OutgoingResponse } from "../../../redirector/http1/request.ts";
import { RequestMetrics } from "../../../redirector/telemetry/metrics.ts";
import { asked } from "../../support/redirector/asked.ts";
import { silentLog } from "../../support/redirector/silent-log.ts";

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
const asset = (file: string, content: string): Asset => ({
  address: `/assets/${file}?own`,
  query: "?own",
  type: "text/x",
  plain: content,
  gzip: `packed ${content}`,
});
const assets: Assets = {
  script: asset("page.js", "js"),
  style: asset("page.css", "css"),
  icon: asset("icon.svg", "svg"),
};
const place = { cloud: "gcp", region: "us-central1", latitude: 41, longitude: -96 } as const;
const least: RedirectorConfigInput = {
  host: "artifacts.example.org",
  region: { name: "us-central1", latitude: 41, longitude: -96 },
  imageMirrors: [{ name: "images-us", url: "https://images.example/v2/p/images", ...place }],
  fileMirrors: [{ name: "files-us", url: "https://files.example/bucket", ...place }],
  log: { sample: 0 },
};

function appOf(changes: Partial<RedirectorConfigInput> = {}, withAssets = true) {
  const parsed = parseConfig(JSON.stringify({ ...least, ...changes }));
  if ("errors" in parsed) return assert.fail(parsed.errors.join("\n"));
  const surroundings = {
    ranges: emptyTable,
    holds: () => "unknown" as const,
    metrics: new RequestMetrics(),
    log: silentLog,
  };
  const app = createApp(parsed.config, {
    ...surroundings,
    leaving: () => undefined,
    ...(withAssets && { assets }),
  });
  const ask = async (target: string, headers: Partial<Record<HeaderName, string>> = {}, method = "GET") =>
    app.handle(asked(method, target, (name) => headers[name as HeaderName], "127.0.0.1"));
  return { app, ask };
}

const header = (answer: OutgoingResponse, name: string) => answer.headers.find(([one]) => one === name)?.[1];

for (const [accept, form] of [
  [undefined, "text"],
  ["*/*", "text"],
  ["", "text"],
  [browser, "html"],
  ["text/html", "html"],
  ["TEXT/HTML; charset=utf-8", "html"],
  ["text/html;q=0", "text"],
  ["text/html;q=x", "text"],
  ["application/json", "json"],
  ["application/json, text/html;q=0.5", "json"],
  ["application/json;q=0.5, text/html", "html"],
  ["text/plain, */*;q=0.1", "text"],
  ["application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*", "json"],
  [",;,;q=1", "text"],
] as const) {
  it(`Accept: ${accept} is answered with ${form}`, () => assert.equal(preferredForm(accept), form));
}

it("gzip only for clients that accept it", () => {
  assert.equal(acceptsGzip("gzip, deflate, br"), true);
  assert.equal(acceptsGzip("br;q=1.0, GZIP;q=0.5"), true);
  for (const not of [undefined, "", "br", "gzip;q=0", "identity", "gzipped"])
    assert.equal(acceptsGzip(not), false, not);
});

it("`/`: the page for browsers, text for terminals, the index for programs", async () => {
  const { ask } = appOf();
  const page = await ask("/", { accept: browser });
  assert.equal(page.status, 200);
  assert.match(page.body ?? "", /^<!doctype html>.*src="\/assets\/page\.js\?own"/s);
  assert.match(page.body ?? "", /^[\n\x20-\x7e]*$/, "ASCII");
  const text = await ask("/", { accept: "*/*" });
  assert.match(text.body ?? "", /^artifacts\.example\.org serves .*catalog\/index\.json/s);
  const json = await ask("/", { accept: "application/json" });
  assert.deepEqual([json.status, json.location], [307, "/catalog/index.json"]);
  for (const answer of [page, text, json]) assert.equal(header(answer, "Vary"), "Accept");
});

it("a configured site of its own is kept", async () => {
  const { ask } = appOf({ pages: { home: "https://example.org/" } });
  assert.deepEqual((await ask("/", { accept: browser })).location, "https://example.org/");
  assert.equal((await ask("/status", { accept: browser })).status, 200);
});

it("every view is the same document, with its policy", async () => {
  const { ask } = appOf();
  const front = await ask("/", { accept: browser });
  for (const target of [
    "/projects/semver",
    "/images/semver/semver:v1",
    "/images/a@sha256:00",
    "/status",
    "/?q=x",
    "/projects/%zz",
  ]) {
    const answer = await ask(target, { accept: browser });
    const preloads = /rel="preload"/.test(answer.body ?? "");
    assert.equal(preloads, /^\/(images\/|\?|$)/.test(target), `${target} asks for the index early only if it needs it`);
    const bare = (text = "") => text.replace(/<link rel="preload".*\n/, "");
    assert.deepEqual([answer.status, bare(answer.body)], [200, bare(front.body)], target);
    const policy = header(answer, "Content-Security-Policy") ?? "";
    assert.match(policy, /default-src 'none'; script-src 'self';/);
    assert.match(policy, /connect-src 'self' https:\/\/files\.example;/);
    assert.doesNotMatch(policy, /unsafe|images\.example/);
  }
});

it("the policy names each origin once", () => {
  const policy = contentPolicy(["https://storage.example/a", "https://storage.example/b", "http://127.0.0.1:5/c"]);
  assert.match(policy, /connect-src 'self' https:\/\/storage\.example http:\/\/127\.0\.0\.1:5;/);
});

it("without static files, browsers get the texts for terminals", async () => {
  const { ask } = appOf({}, false);
  assert.match((await ask("/", { accept: browser })).body ?? "", /^artifacts\.example\.org serves/);
  assert.equal((await ask("/assets/page.js")).status, 404);
  assert.match((await ask("/nothing", { accept: browser })).body ?? "", /^not found\n$/);
});

it("static files: cached for ever under the digest of their content, not at all under another", async () => {
  const { ask } = appOf();
  const own = await ask("/assets/page.js?own", { "accept-encoding": "gzip" });
  assert.deepEqual([own.status, own.body], [200, "packed js"]);
  assert.match(header(own, "Cache-Control") ?? "", /immutable/);
  assert.equal(header(own, "Content-Encoding"), "gzip");
  assert.equal(header(own, "Vary"), "Accept-Encoding");
  const plain = await ask("/assets/page.js?own");
  assert.deepEqual([plain.body, header(plain, "Content-Encoding")], ["js", undefined]);
  for (const other of ["/assets/page.js", "/assets/page.js?older"])
    assert.equal(header(await ask(other), "Cache-Control"), "no-store", other);
  for (const absent of ["/assets/", "/assets/page.map", "/assets/../x", "/assets/page.js/"]) {
    assert.equal((await ask(absent)).status, 404, absent);
  }
});

it("not found: a page for browsers, text and OCI's JSON for clients", async () => {
  const { ask } = appOf();
  for (const [target, status] of [
    ["/nothing", 404],
    ["/v2/semver/nonsense", 404],
    ["/v2/Semver/manifests/v1", 400],
  ] as const) {
    const page = await ask(target, { accept: browser });
    assert.equal(page.status, status);
    assert.match(page.body ?? "", /^<!doctype html>.*data-refusal="[^"]/s);
    assert.match(header(page, "Content-Security-Policy") ?? "", /default-src 'none'/);
    const client = await ask(target, { accept: "application/vnd.oci.image.manifest.v1+json, */*" });
    assert.equal(client.status, status);
    assert.doesNotMatch(client.body ?? "", /html/);
  }
  assert.deepEqual(JSON.parse((await ask("/v2/semver/nonsense")).body ?? "").errors[0].code, "UNSUPPORTED");
  const refused = await ask("/", { accept: browser }, "POST");
  assert.deepEqual([refused.status, header(refused, "Allow")], [405, "GET, HEAD"]);
});

it("escapes the message of an error", async () => {
  const { ask } = appOf({ host: '"><script>&' });
  const body = (await ask("/", { accept: browser })).body ?? "";
  assert.doesNotMatch(body, /"><script>&/);
  assert.match(body, /&#34;&#62;&#60;script&#62;&#38;/);
});

it("redirects the catalogue's documents to the file mirrors", async () => {
  const { ask } = appOf();
  for (const target of ["/catalog/index.json", "/catalog/projects/semver.json", "/catalog/listing.json"]) {
    const answer = await ask(target, { accept: browser });
    assert.deepEqual([answer.status, answer.location], [307, `https://files.example/bucket${target}`]);
  }
  assert.equal((await ask("/catalog/index.json?x=1")).location, "https://files.example/bucket/catalog/index.json");
  assert.equal((await ask("/catalog/../x")).status, 400);
  assert.equal((await ask("/catalog/")).status, 404);
  assert.equal((await ask("/catalog")).status, 404);
});

it("the status: the mirrors' health as this instance sees it, and the client's mirrors", async () => {
  const { app, ask } = appOf();
  const status = async () => JSON.parse((await ask("/status.json")).body ?? "");
  const iowa = { latitude: 41, longitude: -96 };
  assert.deepEqual(await status(), {
    schemaVersion: 1,
    host: "artifacts.example.org",
    region: "us-central1",
    mirrors: [
      { name: "images-us", kind: "images", cloud: "gcp", region: "us-central1", ...iowa, healthy: true },
      { name: "files-us", kind: "files", cloud: "gcp", region: "us-central1", ...iowa, healthy: true },
    ],
    you: { cloud: "", region: "", latitude: 41, longitude: -96, images: "images-us", files: "files-us" },
  });
  app.mirrors.files[0]!.healthy = false;
  assert.equal((await status()).mirrors[1].healthy, false);
  const text = await ask("/status");
  assert.match(text.body ?? "", /1 of 2 mirrors do not answer.*files .* DOES NOT ANSWER {2}<- yours/s);
  assert.equal(header(text, "Cache-Control"), "no-store");
  assert.deepEqual(JSON.parse((await ask("/status", { accept: "application/json" })).body ?? ""), await status());
});

it("the built static files are gzipped", async () => {
  const { builtAssets } = await import("../../support/browser/site.ts");
  const { script, style, icon } = await builtAssets();
  for (const { plain, gzip } of [script, style, icon])
    assert.equal(gunzipSync(Buffer.from(gzip, "latin1")).toString("latin1"), plain);
  const sent = [script, style, icon].reduce((sum, { gzip }) => sum + gzip.length, 0);
  assert.ok(sent < 100_000, `${sent} bytes before any data`);
});
