/** Registries, token servers, GCS and S3 through the proxies that the environment names. */
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { afterEach, before, beforeEach, describe, it } from "mocha";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import type { StoreClient } from "../../components/promotion/storage/bucket.ts";
import { connectGcs } from "../../components/promotion/storage/gcs.ts";
import { connectS3 } from "../../components/promotion/storage/s3.ts";
import { afterTest } from "../support/cleanup.ts";
import { startHttpProxy, type TestProxy } from "../support/http-proxy.ts";
import { listenOnLoopback } from "../support/loopback-server.ts";
import { freePort } from "../support/ports.ts";
import { selfSigned, trustInFile } from "../support/self-signed.ts";

/** An address that nothing answers at (RFC 5737), so that whoever gets an answer got it through the proxy. */
const elsewhere = "192.0.2.1";
const { signal } = new AbortController();
const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
const credentials = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };

/** A registry with a token server, and what is needed of GCS and S3. */
const listener: RequestListener = (request, response) => {
  const { pathname } = new URL(request.url!, "http://x");
  if (pathname === "/token") response.end(JSON.stringify({ token: "t" }));
  else if (pathname.startsWith("/storage/v1/b/")) response.end(JSON.stringify({ name: "key", size: "5" }));
  else if (pathname.startsWith("/bucket/")) response.writeHead(200, { "content-length": 5, etag: '"e"' }).end();
  else if (request.headers.authorization !== "Bearer t") {
    const challenge = `Bearer realm="https://${elsewhere}/token",service="x"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
  } else response.end(JSON.stringify({ tags: ["v1"] }));
};

describe("proxies from the environment", () => {
  let tunnelling: TestProxy;
  let forwarding: TestProxy;
  let plainPort: number;
  const saved = { ...process.env };
  before(async () => {
    const tls = selfSigned(elsewhere);
    trustInFile(tls);
    const secure = createTlsServer(tls, listener);
    const plain = createServer(listener);
    ({ port: plainPort } = await listenOnLoopback(plain, "0.0.0.0"));
    tunnelling = await startHttpProxy((await listenOnLoopback(secure)).port);
    forwarding = await startHttpProxy(plainPort);
  });
  beforeEach(() => {
    for (const name of proxyVariables) delete process.env[name];
    Object.assign(process.env, credentials);
    for (const proxy of [tunnelling, forwarding]) {
      proxy.asked.length = 0;
      proxy.refuse(undefined);
    }
  });
  afterEach(() => {
    for (const name of [...proxyVariables, ...Object.keys(credentials)]) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
  });

  function registry(host: string): Remote {
    const transport = new Transport({
      credentials: () => Promise.resolve(undefined),
      rules: { probes: [1, 1] },
      connectTimeout: 300,
    });
    afterTest(() => transport.close());
    return { transport, repository: repositoryAt(`${host}/a/b`), signal };
  }

  function gcs(endpoint: string): StoreClient {
    const client = connectGcs(endpoint, async () => undefined);
    afterTest(() => client.close());
    return client;
  }

  function s3(endpoint: string): StoreClient {
    const client = connectS3({ region: "us-east-1", endpoint, pathStyle: true });
    afterTest(() => client.close());
    return client;
  }

  it("a registry and its token server are reached through HTTPS_PROXY, over one tunnel", async () => {
    process.env["HTTPS_PROXY"] = tunnelling.url;
    const at = registry(elsewhere);
    for (let round = 0; round < 3; round++) assert.deepEqual((await listTags(at)).tags, ["v1"]);
    assert.deepEqual(tunnelling.asked, [`CONNECT ${elsewhere}:443`]);
  });

  it("user and password of the proxy's URL are sent to the proxy", async () => {
    process.env["https_proxy"] = tunnelling.url.replace("//", "//me:pass%20word@");
    assert.deepEqual((await listTags(registry(elsewhere))).tags, ["v1"]);
    const authorization = `Basic ${Buffer.from("me:pass word").toString("base64")}`;
    assert.deepEqual(tunnelling.asked, [`CONNECT ${elsewhere}:443 as ${authorization}`]);
  });

  it("GCS and S3 are reached through the proxies, by https and by http", async () => {
    process.env["HTTPS_PROXY"] = tunnelling.url;
    process.env["HTTP_PROXY"] = forwarding.url;
    for (const connectTo of [gcs, s3]) {
      assert.equal((await connectTo(`https://${elsewhere}`).bucket("bucket").stat("key", signal))?.size, 5);
      assert.equal((await connectTo("http://store.example").bucket("bucket").stat("key", signal))?.size, 5);
    }
    assert.deepEqual(tunnelling.asked, [`CONNECT ${elsewhere}:443`, `CONNECT ${elsewhere}:443`]);
    assert.equal(forwarding.asked.length, 2);
    for (const asked of forwarding.asked) assert.match(asked, /^(GET|HEAD) http:\/\/store\.example\//);
  });

  it("hosts of NO_PROXY and loopback addresses are reached directly", async () => {
    for (const name of ["HTTP_PROXY", "HTTPS_PROXY"]) process.env[name] = forwarding.url;
    process.env["NO_PROXY"] = `other.example, 0.0.0.0, ${elsewhere}`;
    for (const connectTo of [gcs, s3]) {
      for (const address of ["0.0.0.0", "127.0.0.1", "localhost"]) {
        const { bucket } = connectTo(`http://${address}:${plainPort}`);
        assert.equal((await bucket("bucket").stat("key", signal))?.size, 5);
      }
    }
    await assert.rejects(listTags(registry(elsewhere)), new RegExp(`^UnreachableError: ${elsewhere} is unreachable`));
    assert.deepEqual(forwarding.asked, []);
  });

  for (const status of [403, 407]) {
    it(`a proxy that refuses with ${status} is named, once, without its password`, async () => {
      const { host } = new URL(tunnelling.url);
      process.env["HTTPS_PROXY"] = tunnelling.url.replace("//", "//me:password@");
      tunnelling.refuse(status);
      const said =
        `the proxy http://${host} (HTTPS_PROXY) refuses the connection with status ${status}: allow the host in the proxy, ` +
        "correct the proxy's URL and password, or add the host to NO_PROXY";
      await assert.rejects(listTags(registry(elsewhere)), (error: Error) => {
        assert.equal(error.message, `${elsewhere} is unreachable: ${said} (PROXY_REFUSED)`);
        return true;
      });
      assert.equal(tunnelling.asked.length, 1);
      for (const connectTo of [gcs, s3]) {
        await assert.rejects(connectTo(`https://${elsewhere}`).bucket("bucket").stat("key", signal), (error: Error) => {
          assert.equal(error.constructor.name, "Denied");
          assert.ok(error.message.includes(said), error.message);
          assert.ok(!error.message.includes("password@"), error.message);
          return true;
        });
      }
      assert.equal(tunnelling.asked.length, 3);
    });
  }

  it("the error names a proxy that cannot be reached", async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    process.env["HTTPS_PROXY"] = `http://${nobody}`;
    const said = `the proxy http://${nobody} (HTTPS_PROXY) cannot be reached: connect ECONNREFUSED ${nobody}`;
    await assert.rejects(listTags(registry(elsewhere)), { message: `${elsewhere} is unreachable: ${said}` });
  });

  it("an invalid proxy URL is refused before any request, and not quoted: it may contain a password", () => {
    process.env["https_proxy"] = "socks5://me:secret@proxy.example";
    const message =
      "the environment variable https_proxy must be the URL of an HTTP proxy, such as http://proxy.example:3128";
    assert.throws(() => new Transport(), { message });
    assert.throws(() => connectS3({ region: "us-east-1", endpoint: undefined, pathStyle: false }), { message });
  });
});
