/** What one is told, and how soon, when a registry cannot be reached, or asks to be left alone. */
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { after, describe, it } from "mocha";
import { UnreachableError } from "../../components/promotion/http/errors.ts";
import { getBlob, hasBlob } from "../../components/promotion/oci/blobs.ts";
import { digestOf } from "../../components/promotion/oci/digest.ts";
import { headManifest } from "../../components/promotion/oci/manifests.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { listenOnLoopback } from "../support/loopback-server.ts";
import { freePort } from "../support/ports.ts";

const bytes = Buffer.from("layer");
const blob = { digest: digestOf(bytes), size: bytes.length };
const transport = new Transport({
  credentials: () => Promise.resolve(undefined),
  rules: { probes: [10, 20], maxErrorTime: 500 },
  connectTimeout: 60_000, // a resolver without a network may think long
});

describe("registries that cannot be reached", () => {
  after(async () => {
    await transport.close();
  });

  it("an unknown host is given up, by name", async () => {
    await assert.rejects(headManifest(at("registry.invalid"), "v1"), (error: Error) => {
      assert.ok(error instanceof UnreachableError);
      // Without any DNS: EAI_AGAIN.
      assert.match(error.message, /^registry\.invalid is unreachable: .*(ENOTFOUND|EAI_AGAIN)/);
      return true;
    });
  });

  it("a host without TLS is given up, and the error says so", async () => {
    // Any other name of this machine than a loopback one: as a registry elsewhere, it is asked by https.
    const host = `0.0.0.0:${await listen((_, response) => response.end())}`;
    await assert.rejects(
      headManifest(at(host), "v1"),
      /^Error: 0\.0\.0\.0:\d+: ask for v1 in a\/b: .*(SSL|TLS)|is unreachable: .*(SSL|TLS)/i,
    );
  });

  it("a redirect to an unreachable host: the next source is used", async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    let asked = 0;
    const sending = `127.0.0.1:${await listen((request, response) => {
      if (request.url?.includes("/blobs/")) asked++;
      response.writeHead(request.url === "/v2/" ? 200 : 307, { location: `http://${nobody}/blob` }).end();
    })}`;
    const sound = `127.0.0.1:${await listen((_, response) => response.end(bytes))}`;
    assert.deepEqual(await getBlob([at(sending), at(sound)], blob, Buffer.alloc(8)), bytes);
    assert.ok(asked > 1 && asked < 10, `${asked} times`);
    await assert.rejects(
      hasBlob(at(sending), blob),
      new RegExp(`^InterruptedError: ${sending}: ask for blob .*${nobody}`),
    );
  });

  it("retries 408", async () => {
    let asked = 0;
    const host = `127.0.0.1:${await listen((_, response) => {
      if (++asked === 1) response.writeHead(408, { connection: "close" }).end();
      else response.end(JSON.stringify({ tags: ["v1"] }));
    })}`;
    assert.deepEqual((await listTags(at(host))).tags, ["v1"]);
    assert.equal(asked, 2);
  });

  it("Retry-After may be a date", async () => {
    const times: number[] = [];
    const host = `127.0.0.1:${await listen((_, response) => {
      times.push(Date.now());
      if (times.length > 1) return response.end(JSON.stringify({ tags: ["v1"] }));
      return response.writeHead(503, { "retry-after": new Date(Date.now() + 2_500).toUTCString() }).end();
    })}`;
    assert.deepEqual((await listTags(at(host))).tags, ["v1"]);
    // A date has whole seconds only.
    assert.ok(times[1]! - times[0]! >= 1_400, `asked again after ${times[1]! - times[0]!} ms`);
  });

  it("a rate limit reported as 403 is retried", async () => {
    let answers = 0;
    const body = JSON.stringify({ errors: [{ code: "TOOMANYREQUESTS", message: "Quota exceeded" }] });
    const host = `127.0.0.1:${await listen((_, response) => {
      if (++answers === 1) response.writeHead(403, { "retry-after": "1" }).end(body);
      else response.end(JSON.stringify({ tags: ["v1"] }));
    })}`;
    assert.deepEqual((await listTags(at(host))).tags, ["v1"]);
    assert.equal(answers, 2);
  });
});

function at(host: string): Remote {
  return { transport, repository: repositoryAt(`${host}/a/b`), signal: new AbortController().signal };
}

async function listen(listener: RequestListener): Promise<number> {
  return (await listenOnLoopback(createServer(listener), "0.0.0.0")).port;
}
