import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { describe, it } from "mocha";
import { sendPurge } from "../../../../components/promotion/storage/send-purge.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";
import { withShortPauses } from "../../../support/short-pauses.ts";

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A CDN's API that answers in turn with these statuses, then with 200. */
async function api(statuses: readonly number[] = [], headers: Record<string, string> = {}) {
  const seen: Seen[] = [];
  const left = [...statuses];
  const { url: address, close } = await serveOnLoopback((request, response) => {
    void text(request).then((body) => {
      const { method, url } = request;
      seen.push({ method, url, authorization: request.headers.authorization, body });
      const status = left.shift() ?? 200;
      response.writeHead(status, status === 429 ? headers : {}).end(status === 200 ? "{}" : `said ${status}`);
    });
  });
  afterTest(close);
  return { url: address, seen };
}

const never = new AbortController().signal;
const bucket = { kind: "s3", bucket: "b", region: "auto" } as const;
const cloudflare = (url: string) =>
  ({
    ...bucket,
    url: "https://cdn.example.org",
    by: "cloudflare",
    api: `${url}/purge_cache`,
    token: "A_TOKEN",
  }) as const;

function withToken(): void {
  process.env["A_TOKEN"] = "s3cret-value";
  afterTest(() => {
    delete process.env["A_TOKEN"];
  });
}

describe("a purge", () => {
  withShortPauses();

  it("sends the URLs with the token of the environment", async () => {
    withToken();
    const { url, seen } = await api();
    await sendPurge(cloudflare(url), ["binaries/a", "catalog/index.json"], never);
    const files = ["https://cdn.example.org/binaries/a", "https://cdn.example.org/catalog/index.json"];
    assert.deepEqual(seen, [
      { method: "POST", url: "/purge_cache", authorization: "Bearer s3cret-value", body: JSON.stringify({ files }) },
    ]);
  });

  it("is tried again while the API is busy or out, no sooner than it says", async () => {
    withToken();
    const { url, seen } = await api([429, 503], { "retry-after": "0" });
    await sendPurge(cloudflare(url), ["binaries/a"], never);
    assert.equal(seen.length, 3);
  });

  it("a refusal says what the API said, and not the token", async () => {
    withToken();
    const { url, seen } = await api([403]);
    await assert.rejects(sendPurge(cloudflare(url), ["binaries/a"], never), (error: Error) => {
      assert.match(error.message, /^POST http:\S+\/purge_cache: HTTP 403 said 403$/);
      assert.ok(!String(error.stack).includes("s3cret"));
      return true;
    });
    assert.equal(seen.length, 1);
  });

  it("a token that is not there is named, and nothing is sent", async () => {
    const { url, seen } = await api();
    await assert.rejects(
      sendPurge(cloudflare(url), ["binaries/a"], never),
      /^Error: A_TOKEN is not in the environment$/,
    );
    assert.deepEqual(seen, []);
  });

  it("PURGE at each URL, without a token if none is set; what the CDN does not keep is as good as purged", async () => {
    const { url, seen } = await api([404, 412]);
    await sendPurge({ ...bucket, url, by: "http" }, ["binaries/a", "binaries/b", "binaries/c"], never);
    assert.deepEqual(
      seen.map(({ method, url: path, authorization }) => [method, path, authorization]).sort(),
      ["a", "b", "c"].map((name) => ["PURGE", `/binaries/${name}`, undefined]),
    );
  });

  it("Google's credentials are not sent to an emulation", async () => {
    const { url, seen } = await api();
    const google = { ...bucket, url: "https://cdn.example.org", by: "google", api: `${url}/invalidateCache` } as const;
    await sendPurge(google, ["binaries/a"], never);
    const body = JSON.stringify({ host: "cdn.example.org", path: "/binaries/a" });
    assert.deepEqual(seen, [{ method: "POST", url: "/invalidateCache", authorization: undefined, body }]);
  });

  it("all hosts at Google share its limit of invalidations; other CDNs do not wait for it", async () => {
    withToken();
    const { url, seen } = await api([429], { "retry-after": "0" });
    let taken = 0;
    let sentBefore = -1;
    const budget = {
      take: () => {
        sentBefore = Math.max(sentBefore, seen.length - taken);
        taken++;
        return 1;
      },
    };
    const hosts = ["https://one.example.org", "https://two.example.org"];
    const google = (host: string) => ({ ...bucket, url: host, by: "google", api: `${url}/invalidateCache` }) as const;
    await Promise.all(hosts.map((host) => sendPurge(google(host), ["binaries/a", "binaries/b"], never, budget)));
    assert.deepEqual([taken, seen.length], [5, 5], "a second try counts too");
    assert.ok(sentBefore <= 0, "booked before it is sent");
    await sendPurge(cloudflare(url), ["binaries/a"], never, budget);
    assert.equal(taken, 5);
  });

  it("a stopped run stops it", async () => {
    withToken();
    const { url } = await api(Array<number>(50).fill(503));
    const stop = new AbortController();
    const sent = sendPurge(cloudflare(url), ["binaries/a"], stop.signal);
    stop.abort(new Error("stopped"));
    await assert.rejects(sent, /stopped/);
  });
});
