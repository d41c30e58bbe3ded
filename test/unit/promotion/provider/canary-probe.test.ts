/** What a canary answers, by a server on loopback. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { it } from "mocha";
import { probeCanary } from "../../../../components/promotion/provider/canary-probe.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";

const revision = "redirector-00002";
const [image, file] = ["/v2/team/app/manifests/sha256:1", "/binaries/team/tool"];

type Handler = (path: string, response: ServerResponse, request: IncomingMessage) => void;

/** The address of a server. */
async function serve(handle: Handler): Promise<string> {
  const { host } = await serveOnLoopback((request, response) => {
    handle(request.url ?? "", response, request);
    response.end();
  });
  return host;
}

/** What a probe of this canary finds. @param there paths of what the mirrors have. */
async function find(handle: Handler, there: readonly string[] = []) {
  const mirror = await serve((path, response) => response.writeHead(there.includes(path) ? 200 : 404));
  const canary = {
    address: await serve(handle),
    host: "canary.artifacts.example.org",
    revision,
    image,
    file,
    imageMirrors: ["https://mirror.example/v2/images", `http://${mirror}/v2/images`],
    fileMirrors: [`http://${mirror}`],
  };
  return await probeCanary()(canary, new AbortController().signal);
}

/** A redirector that answers right, but for some paths. */
function redirector(others: Readonly<Record<string, (response: ServerResponse) => void>> = {}): Handler {
  return (path, response, { headers }) => {
    assert.equal(headers.host, "canary.artifacts.example.org");
    const other = others[path];
    if (other) other(response);
    else if (path === "/v2/") response.writeHead(200, { "x-revision": revision });
    else if (path === image) response.writeHead(307, { location: `https://mirror.example/v2/images${path.slice(3)}` });
    else response.writeHead(404);
  };
}
const to = (location: string) => (response: ServerResponse) => void response.writeHead(307, { location });
const status =
  (code: number, headers = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers);

it("is right when an image leads to a mirror, and a file that no mirror has is said to be in none", async () => {
  assert.deepEqual(await find(redirector()), { kind: "right" });
});

for (const [what, others, says] of [
  [
    "an image leads elsewhere",
    { [image]: to("https://mirror.example.evil/v2/images/x") },
    /is redirected to https:\/\/mirror\.example\.evil\/.*no mirror/,
  ],
  ["an image fails", { [image]: status(500) }, /is answered with 500, not 307/],
  [
    "a file leads elsewhere",
    { [file]: to("http://127.0.0.1:1/binaries/team/tool") },
    /tool is redirected to .*no mirror/,
  ],
  ["the version is refused", { "/v2/": status(401, { "x-revision": revision }) }, /\/v2\/ is answered with 401/],
] as const) {
  it(`is wrong when ${what}`, async () => {
    const found = await find(redirector(others));
    assert.equal(found.kind, "wrong");
    assert.match(found.kind === "wrong" ? found.what : "", says);
  });
}

it("is right when an image that no mirror has yet is said to be in none", async () => {
  assert.deepEqual(await find(redirector({ [image]: status(404) })), { kind: "right" });
});

it("is wrong when an image that a registry has is said to be in none", async () => {
  const found = await find(redirector({ [image]: status(404) }), [`/v2/images${image.slice(3)}`]);
  assert.match(
    found.kind === "wrong" ? found.what : "",
    /sha256:1 is answered with 404, but http:\/\/127\.0\.0\.1:\d+\/v2\/images has it/,
  );
});

it("is wrong when a file that a mirror has is said to be in none", async () => {
  const found = await find(redirector(), [file]);
  assert.match(
    found.kind === "wrong" ? found.what : "",
    /tool is answered with 404, but http:\/\/127\.0\.0\.1:\d+ has it/,
  );
});

for (const [what, others] of [
  ["the revision before", { "/v2/": status(200, { "x-revision": "redirector-00001" }) }],
  ["a build that says no revision", { "/v2/": status(200) }],
  ["the redirect to https of a load balancer that does not know the name yet", { "/v2/": to("https://x/") }],
] as const) {
  it(`is elsewhere when it is answered by ${what}`, async () => {
    assert.equal((await find(redirector(others))).kind, "elsewhere");
  });
}

it("is elsewhere when nothing answers", async () => {
  const canary = { address: "127.0.0.1:1", host: "h", revision, imageMirrors: [], fileMirrors: [] };
  const found = await probeCanary()(canary, new AbortController().signal);
  assert.match(found.kind === "elsewhere" ? found.what : "", /ECONNREFUSED/);
});
