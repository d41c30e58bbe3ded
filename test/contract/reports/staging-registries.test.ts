/** Users report: a staging area in another registry than the one that the client was written against. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { startGoogleFront } from "../../support/google-front.ts";
import { builtPeers } from "../../support/programs.ts";
import {
  inspect,
  Pusher,
  pull,
  type RegistryKind,
  startRegistry,
  type TestRegistry,
} from "../../support/registries.ts";
import { startTokenFront, type TokenFront, type tokenFlows } from "../../support/token-front.ts";

await builtPeers("distribution2");

const context: Context = { signal: new AbortController().signal, report: () => {} };

/** Each kind by the server behind it and how it hands out tokens. Harbor contains distribution 2.8; only olareg and zot have the referrers API. */
const kinds: Record<string, { readonly behind: RegistryKind; readonly flow?: keyof typeof tokenFlows }> = {
  "distribution 2.8": { behind: "distribution2" },
  "distribution 3": { behind: "distribution" },
  "a Harbor-like registry": { behind: "distribution2", flow: "Harbor-like" },
  "a GHCR-like registry": { behind: "distribution", flow: "GHCR-like" },
  "a zot-like registry": { behind: "olareg", flow: "zot-like" },
  "a registry like Artifact Registry": { behind: "olareg", flow: "Artifact Registry-like" },
};

describe("staging in the registries that projects have", () => {
  const promotion = imagePromotion();
  const registries = new Map<RegistryKind, TestRegistry>();
  const fronts: { close(): Promise<void> }[] = [];
  let mirror: string;

  before(async () => {
    for (const kind of ["olareg", "distribution", "distribution2"] as const)
      registries.set(kind, await startRegistry(kind));
    mirror = registries.get("olareg")!.host;
  });
  after(async () => {
    await promotion.close();
    for (const front of fronts) await front.close();
    await Promise.all([...registries.values()].map((registry) => registry.remove()));
  });

  function requestFor(project: string, staging: string, digest: string): ImagesRequest {
    return {
      project,
      images: `app:v1 ${digest}\n`,
      prefix: project,
      staging,
      mirrors: [{ name: "m0", repository: `${mirror}/images` }],
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      storage: {},
    };
  }

  for (const [title, { behind, flow }] of Object.entries(kinds)) {
    it(`${title}: preview and promotion of an index with its signature${flow ? ", by anonymous tokens that expire" : ""}`, async () => {
      const registry = registries.get(behind)!.host;
      const google = flow === "Artifact Registry-like" ? await startGoogleFront(() => registry) : undefined;
      const pushed = google?.host ?? registry;
      const tokens = flow && (await startTokenFront(pushed, flow));
      for (const front of [tokens, google]) if (front) fronts.push(front);

      const project = title.replace(/\W+/g, "-").toLowerCase();
      const pusher = new Pusher(pushed, `${project}/app`);
      const index = await pusher.index([await pusher.image(), await pusher.image()], ["v1"]);
      const signature = await pusher.signature(index);
      const sbom = behind === "olareg" ? await pusher.image({ subject: index }) : undefined;

      const request = requestFor(`p-${project}`, `${tokens?.host ?? pushed}/${project}`, index.digest);
      assert.deepEqual((await promotion.preview(request, undefined, context)).errors, []);
      assert.deepEqual((await promotion.promote(request, undefined, context)).failures, []);
      const repository = `images/p-${project}/app`;
      assert.deepEqual(await inspect(mirror, repository), {
        tags: { v1: index.digest, [`${index.digest.replace(":", "-")}.sig`]: signature.digest },
      });
      await pull(`${mirror}/${repository}:v1`);
      if (sbom) {
        const listed = await fetch(`http://${mirror}/v2/${repository}/referrers/${index.digest}`);
        const { manifests } = (await listed.json()) as { manifests: { digest: string }[] };
        assert.deepEqual(
          manifests.map(({ digest }) => digest),
          [sbom.digest],
        );
      }
      if (tokens) assertTokens(tokens, `repository:${project}/app:pull`);
    });
  }

  it("distribution 2.8: a signed image of Docker's schema 1 is refused as what it is", async () => {
    const { host } = registries.get("distribution2")!;
    const pusher = new Pusher(host, "old/app");
    const layer = await pusher.blob(gzipSync("layer"));
    const history = [{ created: "2015-01-01T00:00:00Z", created_by: "x" }];
    const rootfs = { type: "layers", diff_ids: [layer.digest] };
    const config = await pusher.blob(
      Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", history, rootfs })),
    );
    const docker = "application/vnd.docker.";
    await pusher.manifest(
      {
        mediaType: `${docker}distribution.manifest.v2+json`,
        config: { ...config, mediaType: `${docker}container.image.v1+json` },
        layers: [{ ...layer, mediaType: `${docker}image.rootfs.diff.tar.gzip` }],
      },
      ["v1"],
    );
    // It makes and signs one for clients that accept nothing newer.
    const schema1 = `${docker}distribution.manifest.v1+prettyjws`;
    const url = `http://${host}/v2/old/app/manifests/v1`;
    const body = await (await fetch(url, { headers: { accept: schema1 } })).text();
    const put = await fetch(url, { method: "PUT", body, headers: { "content-type": schema1 } });
    assert.equal(put.status, 201, await put.text());
    const digest = put.headers.get("docker-content-digest")!;
    assert.equal((JSON.parse(body) as { schemaVersion: number }).schemaVersion, 1);
    const { errors } = await promotion.preview(requestFor("old", `${host}/old`, digest), undefined, context);
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, /is a Docker schema 1 manifest, .*: build and push the image again/);
  });

  it("a GHCR-like registry: a private staging area is an error that names the token server and the repository", async () => {
    const tokens = await startTokenFront(registries.get("distribution")!.host, "GHCR-like");
    fronts.push(tokens);
    const request = requestFor("closed", `${tokens.host}/private`, `sha256:${"7".repeat(64)}`);
    const { errors } = await promotion.preview(request, undefined, context);
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0]!, /token from http:\/\/127\.0\.0\.1:\d+ for repository:private\/app:pull: 403/);
  });
});

/** Tokens were asked for again when one had expired, and not for each request. */
function assertTokens({ given, requests }: TokenFront, scope: string): void {
  assert.deepEqual([...new Set(given)], [scope]);
  assert.ok(given.length > 1 && given.length < requests / 2, `${given.length} tokens, ${requests} requests`);
}
