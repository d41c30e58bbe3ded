/** Authorization of the OCI client: tokens and Basic of olareg, and what a registry may answer in between. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { putBlob } from "../../components/promotion/oci/blobs.ts";
import type { Credentials } from "../../components/promotion/oci/credentials.ts";
import { digestOf } from "../../components/promotion/oci/digest.ts";
import { isDenied } from "../../components/promotion/oci/errors.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { toolPath } from "../../local/tools/tools.ts";
import { type FaultyProxy, first, startFaultyProxy } from "../support/faulty-proxy.ts";
import { serveOnLoopback } from "../support/loopback-server.ts";
import { freePort } from "../support/ports.ts";
import { startRegistry, type TestRegistry } from "../support/registries.ts";

let folder: string;
let rights: string;
const transports: Transport[] = [];

describe("authorization of the OCI client", () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "artifacts-auth-"));
    const { stdout } = await promisify(execFile)(await toolPath("olareg"), ["hash", "--pass", "secret"]);
    rights = join(folder, "rights.yaml");
    await writeFile(
      rights,
      `users: {robot: {cred: "${stdout.trim()}"}}
groups: {all: {members: [robot]}}
acls:
  - {repo: "", anonymous: true, members: [all], access: [read]}
  - {repo: "public/*", anonymous: true, members: [all], access: [read]}
  - {repo: "ours/*", members: [robot], access: ["*"]}
`,
    );
  });
  after(async () => {
    for (const transport of transports) await transport.close();
    await rm(folder, { recursive: true, force: true });
  });

  const robot = { username: "robot", password: "secret" };
  const bytes = Buffer.from("some layer");
  const blob = { digest: digestOf(bytes), size: bytes.length };

  for (const scheme of ["basic", "token"] as const) {
    describe(`olareg with ${scheme} authorization`, () => {
      let registry: TestRegistry;
      let proxy: FaultyProxy;
      before(async () => {
        if (scheme === "basic") {
          registry = await startRegistry("olareg", ["--auth-basic", rights]);
          proxy = await startFaultyProxy(registry.host);
        } else {
          // The challenge names the token server: it has to lead through the proxy too.
          const port = await freePort();
          registry = await startRegistry("olareg", [
            "--auth-token-opaque",
            rights,
            "--external-url",
            `http://127.0.0.1:${port}`,
          ]);
          proxy = await startFaultyProxy(registry.host, { port });
        }
      });
      after(async () => {
        await proxy.close();
        await registry.remove();
      });

      it("reads public content anonymously", async () => {
        assert.deepEqual((await listTags(remote(proxy.host, "public/app"))).tags, []);
      });

      it("writes with credentials, requesting each scope once", async () => {
        const at = remote(proxy.host, "ours/app", robot);
        proxy.seen.length = 0;
        for (let times = 0; times < 5; times++) await putBlob(at, blob, bytes);
        const tokens = proxy.seen.filter(({ url }) => url.startsWith("/token"));
        assert.equal(tokens.length, scheme === "token" ? 1 : 0);
        assert.equal(
          proxy.seen.filter(({ headers }) => headers.authorization === undefined).length,
          1,
          "the very first",
        );
      });

      it("reports which server denied what for wrong credentials", async () => {
        const at = remote(proxy.host, "ours/app", { username: "robot", password: "wrong" });
        await assert.rejects(putBlob(at, blob, bytes), (error: Error) => {
          assert.ok(isDenied(error), String(error));
          assert.match(error.message, /: 40[13]/);
          assert.ok(!error.message.includes("wrong"), "no secret in a message");
          return true;
        });
      });

      it("requests another token when one expires", async () => {
        const at = remote(proxy.host, "ours/app", robot);
        await putBlob(at, blob, bytes);
        const realm = `Bearer realm="http://${proxy.host}/token",service="olareg registry",scope="x"`;
        const challenge = scheme === "token" ? realm : 'Basic realm="olareg"';
        proxy.inject(
          first(1, (method) => method === "POST", {
            kind: "answer",
            status: 401,
            headers: { "www-authenticate": challenge },
          }),
        );
        const done = putBlob(at, blob, bytes);
        if (scheme === "token") await done;
        else await assert.rejects(done, /401/, "Basic has nothing else to offer");
        proxy.inject(() => undefined);
      });
    });
  }

  it("every request has the User-Agent, token requests too", async () => {
    const agents: (string | undefined)[] = [];
    const server = await serveOnLoopback((request, response) => {
      agents.push(request.headers["user-agent"]);
      if (request.url!.startsWith("/token")) return void response.end(JSON.stringify({ token: "t" }));
      if (request.headers.authorization === "Bearer t") return void response.end(JSON.stringify({ tags: ["v1"] }));
      const challenge = `Bearer realm="http://${request.headers.host}/token",service="s"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
    });
    try {
      assert.deepEqual((await listTags(remote(server.host, "a/b"))).tags, ["v1"]);
      assert.deepEqual(agents, ["artifacts-promotion", "artifacts-promotion", "artifacts-promotion"]);
    } finally {
      await server.close();
    }
  });

  describe("a registry that asks for our Google token", () => {
    it("does not get it sent to another host", async () => {
      const stolen: (string | undefined)[] = [];
      const thief = await serveOnLoopback((request, response) => {
        stolen.push(request.headers.authorization);
        response.end(JSON.stringify({ token: "t" }));
      });
      const registry = await serveOnLoopback((_, response) => {
        response.writeHead(401, { "www-authenticate": `Bearer realm="${thief.url}/token",service="s"` });
        response.end();
      });
      const token = { username: "oauth2accesstoken", password: "ya29.secret", isToken: true };
      await assert.rejects(listTags(remote(registry.host, "a/b", token)), /401/);
      assert.ok(stolen.length > 0);
      assert.deepEqual([...new Set(stolen)], [undefined]);
      await Promise.all(transports.map((transport) => transport.close()));
      await Promise.all([thief, registry].map((server) => server.close()));
    });
  });
});

function remote(host: string, name: string, credentials?: Credentials): Remote {
  const transport = new Transport({ credentials: () => Promise.resolve(credentials) });
  transports.push(transport);
  return { transport, repository: repositoryAt(`${host}/${name}`), signal: new AbortController().signal };
}
