/** What lies in production and no manifest names: found where registries and stores list it, and never taken for something else. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import { listRepositories, UnlistedError } from "../../components/promotion/oci/repositories.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import type { Context, FileMirror } from "../../components/promotion/run/request.ts";
import type { Owner } from "../../components/promotion/unmanaged/unmanaged.ts";
import { findUnmanagedFiles } from "../../components/promotion/unmanaged/unmanaged-files.ts";
import { findUnmanagedImages } from "../../components/promotion/unmanaged/unmanaged-images.ts";
import { type GoogleFront, startGoogleFront } from "../support/google-front.ts";
import { serveOnLoopback } from "../support/loopback-server.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const owner = (project: string, prefix: string, images: readonly string[] = [], promotesFiles = true): Owner => ({
  project,
  imagePrefix: prefix,
  imagePrefixes: [prefix],
  images,
  filePrefix: prefix,
  promotesFiles,
});

describe("repositories", () => {
  const promotion = imagePromotion();
  const registries: TestRegistry[] = [];
  const fronts: GoogleFront[] = [];
  after(async () => {
    await promotion.close();
    await Promise.all(fronts.map((front) => front.close()));
    await Promise.all(registries.map((registry) => registry.remove()));
  });

  async function start(kind: "olareg" | "distribution" | "google"): Promise<string> {
    const registry = await startRegistry(kind === "distribution" ? kind : "olareg");
    registries.push(registry);
    if (kind !== "google") return registry.host;
    const front = await startGoogleFront(() => registry.host);
    fronts.push(front);
    return front.host;
  }

  const owners = [owner("tool", "tools", ["tool", "deep/er"]), owner("other", "tools/other", ["x"])];

  for (const kind of ["distribution", "google"] as const) {
    it(`of ${kind}: those that no manifest names, with whose they would be`, async () => {
      const host = await start(kind);
      const push = (path: string, tags: readonly string[]) => new Pusher(host, path).image({ tags });
      const wanted = await push("p/images/tools/tool", ["v1"]);
      await push("p/images/tools/deep/er", ["v1"]);
      await push("p/staging-tool/tool", ["v1"]);
      await push("p/images-of-others/tool", ["v1"]);
      const old = await push("p/images/tools/old", ["v1", "v2"]);
      await new Pusher(host, "p/images/tools/old").signature(old);
      const below = await push("p/images/tools/tool/below", ["v1"]);
      const others = await push("p/images/tools/other/y", ["v1"]);
      const nobodys = await push("p/images/left/app", ["v1"]);
      const untagged = await push("p/images/left/untagged", []);
      const mirror = { name: "us", repository: `${host}/p/images` };
      const places = { mirrors: [mirror], layerMirrors: [], storage: {} };
      const { found, ...rest } = await findUnmanagedImages(places, owners, promotion.dependencies, context);
      assert.deepEqual(rest, { unlisted: [], failures: [] });
      const lines = found.map(({ kind, mirror, project = "-", line }) => `${kind} ${mirror} ${project} ${line}`).sort();
      // What has no tag is in Google's lists only.
      const bare = kind === "google" ? [`images us - left/untagged@${untagged.digest}`] : [];
      assert.deepEqual(lines, [
        `images us - left/app:v1 ${nobodys.digest}`,
        ...bare,
        `images us other y:v1 ${others.digest}`,
        `images us tool old:v1 ${old.digest}`,
        `images us tool old:v2 ${old.digest}`,
        `images us tool tool/below:v1 ${below.digest}`,
      ]);

      // What a registry lists and is empty is nothing: distribution never forgets a repository.
      const gone = ["left/app", "left/untagged", "tools/old", "tools/tool/below", "tools/other/y"];
      for (const path of gone) {
        for (const { digest } of [nobodys, untagged, old, below, others]) {
          const url = `http://${host}/v2/p/images/${path}/manifests/${digest}`;
          await fetch(url, { method: "DELETE", headers: { "x-force": "yes" } });
        }
      }
      const signature = `http://${host}/v2/p/images/tools/old/manifests/${old.digest.replace(":", "-")}.sig`;
      const head = await fetch(signature, { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } });
      const digest = head.headers.get("docker-content-digest");
      await fetch(signature.replace(/[^/]+$/, digest!), { method: "DELETE", headers: { "x-force": "yes" } });
      assert.deepEqual((await findUnmanagedImages(places, owners, promotion.dependencies, context)).found, []);
      assert.ok(wanted);
    });
  }

  it("of a registry without a list: reported once for all such mirrors, and no failure", async () => {
    const host = await start("olareg");
    await new Pusher(host, "p/images/left/app").image({ tags: ["v1"] });
    const mirrors = ["us", "eu"].map((name) => ({ name, repository: `${host}/p/images` }));
    const found = await findUnmanagedImages(
      { mirrors, layerMirrors: [], storage: {} },
      owners,
      promotion.dependencies,
      context,
    );
    assert.deepEqual(found, {
      found: [],
      unlisted: ["repositories that no manifest names, in us, eu: its catalogue responds 404"],
      failures: [],
    });
  });
});

describe("a catalogue", () => {
  const transport = new Transport({ credentials: () => Promise.resolve({ username: "robot", password: "secret" }) });
  after(async () => {
    await transport.close();
  });

  async function asked(listener: RequestListener): Promise<string[]> {
    const { host } = await serveOnLoopback(listener);
    return listRepositories({ transport, repository: repositoryAt(`${host}/p/images`), signal: context.signal });
  }

  it("of several pages is read completely, with the required scope", async () => {
    const scopes: (string | null)[] = [];
    const names = await asked((request, response) => {
      const url = new URL(request.url!, `http://${request.headers.host}`);
      if (url.pathname === "/token") {
        scopes.push(url.searchParams.get("scope"));
        return response.end(JSON.stringify({ token: "t", expires_in: 300 }));
      }
      if (request.headers.authorization !== "Bearer t") {
        const realm = `Bearer realm="http://${request.headers.host}/token",service="registry"`;
        return response.writeHead(401, { "www-authenticate": realm }).end();
      }
      const page = Number(url.searchParams.get("last") ?? 0);
      if (page < 2) response.setHeader("link", `</v2/_catalog?n=1000&last=${page + 1}>; rel="next"`);
      return response.end(JSON.stringify({ repositories: [`p/images/a${page}`, `p/other/b${page}`] }));
    });
    assert.deepEqual(names, ["p/images/a0", "p/images/a1", "p/images/a2"]);
    assert.deepEqual([...new Set(scopes)], ["registry:catalog:*"]);
  });

  for (const [what, status, body, why] of [
    ["that is refused", 403, { errors: [{ code: "DENIED", message: "no" }] }, "its catalogue responds 403 DENIED"],
    [
      "of nothing that is ours",
      200,
      { repositories: ["p/other/a"] },
      "its catalogue lists no repository below this path",
    ],
    ["that is null", 200, { repositories: null }, "its catalogue lists no repository below this path"],
  ] as const) {
    it(`${what} proves nothing`, async () => {
      const answers = asked((request, response) => {
        if (!request.url!.startsWith("/v2/_catalog")) return response.writeHead(404).end();
        return response.writeHead(status).end(JSON.stringify(body));
      });
      await assert.rejects(answers, (error: Error) => error instanceof UnlistedError && error.message === why);
    });
  }
});

describe("objects", () => {
  let stores: ObjectStores;
  const mirrors: FileMirror[] = [
    { name: "gcs", kind: "gcs", bucket: "strange-gcs", region: "us-central1" },
    { name: "s3", kind: "s3", bucket: "strange-s3", region: "us-east-1" },
    { name: "lost", kind: "gcs", bucket: "no-such-bucket", region: "europe-west1" },
  ];
  before(async () => {
    stores = await startObjectStores();
    for (const { kind, bucket } of mirrors.slice(0, 2)) await stores.makeBucket(kind, bucket);
  });
  after(() => stores.stop());

  const none: ReadonlySet<string> = new Set();

  async function put(key: string): Promise<void> {
    await stores.stage("strange-gcs", key, "12345");
    await stores.s3Client.send(new PutObjectCommand({ Bucket: "strange-s3", Key: key, Body: "12345" }));
  }

  it("beside the projects' folders, as folders with how much is in them", async () => {
    for (const key of [
      "binaries/kops/1.0/kops",
      "binaries/sig/storage/tool",
      "binaries/sig/left/a",
      "binaries/sig/left/deep/b",
      "binaries/quiet/old",
      "binaries/stray",
      "catalog/index.json",
      "elsewhere/x",
    ]) {
      await put(key);
    }
    await put("containers/images/sha256:1");
    const owners = [owner("kops", "kops"), owner("storage", "sig/storage"), owner("quiet", "quiet", [], false)];
    const found = await findUnmanagedFiles(mirrors, owners, stores.settings, context, none);
    const of = (mirror: string, more: object[] = []) => [
      { kind: "files", mirror, project: "quiet", line: "binaries/quiet/ (1 file, 5 bytes)" },
      { kind: "files", mirror, project: undefined, line: "binaries/sig/left/ (2 files, 10 bytes)" },
      { kind: "files", mirror, project: undefined, line: "binaries/stray" },
      ...more,
      { kind: "files", mirror, project: undefined, line: "elsewhere/ (1 file, 5 bytes)" },
    ];
    const layers = { kind: "files", mirror: "gcs", project: undefined, line: "containers/ (1 file, 5 bytes)" };
    assert.deepEqual(found, { found: [...of("gcs", [layers]), ...of("s3")], unlisted: [], failures: [] });
    // The root of all files is a project's: its inventory shows all of them.
    const all = await findUnmanagedFiles(mirrors.slice(1), [owner("all", "")], stores.settings, context, none);
    assert.deepEqual(
      all.found.map(({ line }) => line),
      ["elsewhere/ (1 file, 5 bytes)"],
    );
    // A bucket of Cloud Storage that is an image mirror, or behind a CDN that is purged, has such a folder too.
    const url = "https://cdn.example.org";
    const purge = { kind: "gcs", bucket: "strange-gcs", region: "us-central1", url, by: "http" } as const;
    for (const [storage, withImages] of [
      [stores.settings, new Set(["strange-gcs"])],
      [{ ...stores.settings, purges: [purge] }, none],
    ] as const) {
      const images = await findUnmanagedFiles(mirrors, owners, storage, context, withImages);
      assert.deepEqual(images.found, [...of("gcs"), ...of("s3")]);
    }
  });

  it("layers registered for a removed project", async () => {
    for (const [project, layer] of [
      ["gone", "1"],
      ["gone", "2"],
      ["kops", "1"],
    ] as const) {
      await put(`containers/references/${layer.repeat(64)}/${project}/deep/app/${"a".repeat(64)}`);
    }
    const promotion = imagePromotion();
    try {
      const layerMirrors = [{ name: "s3", bucket: "strange-s3", region: "us-east-1" }];
      const places = { mirrors: [], layerMirrors, storage: stores.settings };
      const unmanaged = await findUnmanagedImages(
        places,
        [owner("kops", "kops", ["deep/app"])],
        promotion.dependencies,
        context,
      );
      const found = [{ kind: "images", mirror: "s3", project: "gone", line: `deep/app@sha256:${"a".repeat(64)}` }];
      assert.deepEqual(unmanaged, { found, unlisted: [], failures: [] });
    } finally {
      await promotion.close();
    }
  });

  it("more than a page of folders", async () => {
    const keys = Array.from({ length: 1_001 }, (_, i) => `binaries/many${String(i).padStart(4, "0")}/f`);
    for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map((key) => put(key)));
    const owners = keys.slice(0, 1_000).map((key) => owner(key, key.split("/")[1]!));
    const { found } = await findUnmanagedFiles(mirrors, owners, stores.settings, context, none);
    const last = found.filter(({ line }) => line.includes("many"));
    assert.deepEqual(
      last.map(({ mirror, line }) => `${mirror} ${line}`),
      ["gcs binaries/many1000/ (1 file, 5 bytes)", "s3 binaries/many1000/ (1 file, 5 bytes)"],
    );
  });
});
