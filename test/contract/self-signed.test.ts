/** Registries with a certificate that nobody here knows: one is told at once what is wrong and what to do, and when that is done all goes well. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { UnreachableError } from "../../components/promotion/http/errors.ts";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import { getBlob } from "../../components/promotion/oci/blobs.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { serveOnLoopback } from "../support/loopback-server.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { PromotionProgram } from "../support/promotion-program.ts";
import { inspect, Pusher, sha256, startRegistry, type TestRegistry } from "../support/registries.ts";
import { selfSigned } from "../support/self-signed.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const advice =
  "self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT); if its certificate is from a private CA, " +
  "set the environment variable NODE_EXTRA_CA_CERTS to that CA's file (PEM)";

describe("a certificate from an unknown issuer", () => {
  const tls = selfSigned("0.0.0.0");
  let registries: TestRegistry[];
  let staging: FaultyProxy;
  let mirror: FaultyProxy;
  let stores: ObjectStores;
  const transport = new Transport();
  before(async () => {
    [registries, stores] = await Promise.all([
      Promise.all([startRegistry("olareg"), startRegistry("olareg")]),
      startObjectStores(), // for its folder
    ]);
    [staging, mirror] = await Promise.all([
      startFaultyProxy(registries[0]!.host, { tls }),
      startFaultyProxy(registries[1]!.host, { tls }),
    ]);
  });
  after(async () => {
    await transport.close();
    await Promise.all([staging.close(), mirror.close()]);
    await Promise.all([...registries.map((registry) => registry.remove()), stores.stop()]);
  });

  const at = (host: string, by = transport): Remote => ({
    transport: by,
    repository: repositoryAt(`${host}/a/b`),
    signal: context.signal,
  });
  const isSaid = (host: string) => (error: Error) =>
    error instanceof UnreachableError && error.message === `${host} is unreachable: ${advice}`;

  it("is reported with host, cause and remedy, after one connection", async () => {
    const before = staging.connections;
    await assert.rejects(listTags(at(staging.host)), isSaid(staging.host));
    assert.equal(staging.connections, before + 1);
    await assert.rejects(listTags(at(staging.host)), isSaid(staging.host));
    assert.equal(staging.connections, before + 1, "given up for a while");
  });

  it("of a redirect target: the next source is used, and the registry is not given up", async () => {
    const bytes = Buffer.from("layer");
    const server = await serveOnLoopback((request, response) => {
      if (request.url!.includes("/blobs/")) response.writeHead(307, { location: `https://${mirror.host}/blob` }).end();
      else response.end(JSON.stringify({ tags: ["v1"] }));
    });
    const sound = await serveOnLoopback((_, response) => response.end(bytes));
    try {
      const [sending, whole] = [server.host, sound.host];
      const blob = { digest: sha256(bytes), size: bytes.length };
      await assert.rejects(getBlob([at(sending)], blob, Buffer.alloc(8)), isSaid(mirror.host));
      assert.deepEqual(await getBlob([at(sending), at(whole)], blob, Buffer.alloc(8)), bytes);
      assert.deepEqual((await listTags(at(sending))).tags, ["v1"]);
    } finally {
      for (const each of [server, sound]) await each.close();
    }
  });

  it("of a token server: the registry's error names that server, without retries", async () => {
    const server = await serveOnLoopback((_, response) => {
      const challenge = `Bearer realm="https://${mirror.host}/token",service="x"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
    });
    try {
      const before = mirror.connections;
      const asked = listTags(at(server.host));
      await assert.rejects(asked, isSaid(mirror.host));
      assert.equal(mirror.connections, before + 1);
    } finally {
      await server.close();
    }
  });

  async function stage(name: string): Promise<{ request: ImagesRequest; digest: string }> {
    const { digest } = await new Pusher(registries[0]!.host, `p/${name}/tool`).image({ tags: ["v1"] });
    const request: ImagesRequest = {
      project: name,
      images: `tool:v1 ${digest}\n`,
      prefix: name,
      staging: `${staging.host}/p/${name}`,
      mirrors: [{ name: "us", repository: `${mirror.host}/p/images` }],
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      storage: {},
    };
    return { request, digest };
  }

  it("of a source and of a destination: one failure of the promotion each, and nothing is written", async () => {
    const { request } = await stage("untrusted");
    const plain = { ...request, mirrors: [{ name: "us", repository: `${registries[1]!.host}/p/images` }] };
    for (const [asked, what] of [
      [plain, /^project untrusted, image tool@sha256:\w+, mirror us: sha256:\w+ could not be read: /],
      [
        { ...request, staging: `${registries[0]!.host}/p/untrusted` },
        /^project untrusted, mirror us: given up with 1 step to go: /,
      ],
    ] as const) {
      const promotion = imagePromotion();
      try {
        const { failures } = await promotion.promote(asked, undefined, context);
        assert.equal(failures.length, 1, failures.join("\n"));
        assert.match(failures[0]!, what);
        assert.ok(failures[0]!.endsWith(advice), failures[0]);
        assert.ok(failures[0]!.includes((asked === plain ? staging : mirror).host), failures[0]);
      } finally {
        await promotion.close();
      }
    }
    assert.deepEqual(await inspect(registries[1]!.host, "p/images/untrusted/tool"), { tags: {} });
  });

  it("is accepted by `pulumi up` and its plugin with NODE_EXTRA_CA_CERTS", async () => {
    const { request, digest } = await stage("trusted");
    const program = await PromotionProgram.make(join(stores.folder, "program"));
    await program.declare({ tool: { type: "images", args: { ...request, summary: "1 image, 1 digest" } } });
    const refused = await program.run("preview");
    assert.equal(refused.code, 1, refused.output);
    assert.ok(refused.output.includes("NODE_EXTRA_CA_CERTS"), refused.output);

    const file = join(stores.folder, "ca.pem");
    await writeFile(file, tls.cert);
    program.environment["NODE_EXTRA_CA_CERTS"] = file;
    const said = await program.run("up", "--yes", "--skip-preview");
    assert.equal(said.code, 0, said.output);
    assert.deepEqual(await inspect(registries[1]!.host, "p/images/trusted/tool"), { tags: { v1: digest } });
  });
});
