/**
 * A CDN in front of an image mirror: nginx with a cache before versitygw, the redirector before both. What a promotion moves or removes is seen by
 * clients at once, also after a run that was killed and while the CDN's API fails.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { after, before, it } from "mocha";
import { promoteFiles } from "../../../components/promotion/files/files.ts";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type {
  FilesRequest,
  ImagesRequest,
  Outcome,
  StorageSettings,
} from "../../../components/promotion/run/request.ts";
import { storeAddress } from "../../../components/promotion/run/store-address.ts";
import { layerKey, manifestKey, tagsKey } from "../../../redirector/object-paths.ts";
import { describeUnless, itUnless } from "../../support/annotations.ts";
import { type Cdn, purgeToken, startCdn } from "../../support/cdn.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { peerPath } from "../../support/peers.ts";
import { builtPeers } from "../../support/programs.ts";
import { startPromotion } from "../../support/promoting-process.ts";
import { type RunningRedirector, startRedirector } from "../../support/redirector-process.ts";
import { type Pushed, Pusher, sha256, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { s3Keys } from "../../support/s3-keys.ts";

await builtPeers("crane");
const run = promisify(execFile);
const noNginx = existsSync("/usr/sbin/nginx") ? undefined : "nginx is not installed";

describeUnless(noNginx, "a CDN in front of a bucket", () => {
  let stores: ObjectStores;
  let registry: TestRegistry;
  let cdn: Cdn;
  let redirector: RunningRedirector;
  let crane: string;
  const promotion = imagePromotion();
  before(async () => {
    process.env["TEST_PURGE_TOKEN"] = purgeToken;
    crane = await peerPath("crane");
    [stores, registry] = await Promise.all([startObjectStores(), startRegistry("olareg")]);
    await stores.makeBucket("s3", "images");
    await stores.letAllRead("images");
    cdn = await startCdn(`${stores.s3}/images`);
    const place = { latitude: 41.26, longitude: -95.86 };
    redirector = await startRedirector({
      config: {
        host: "artifacts.example.dev",
        region: { name: "us-central1", ...place },
        imageMirrors: [{ name: "s3", kind: "objects", url: cdn.url, cloud: "aws", region: "us-east-1", ...place }],
        // What the redirector itself remembers is no part of this test.
        existence: { presentSeconds: 0, agedSeconds: 0, absentSeconds: 0 },
        lists: { keptSeconds: 0 },
      },
    });
  });
  after(async () => {
    delete process.env["TEST_PURGE_TOKEN"];
    await promotion.close();
    await redirector?.stop();
    await Promise.all([cdn?.stop(), stores?.stop(), registry?.remove()]);
  });

  const purging = (): StorageSettings => ({
    ...stores.settings,
    purges: [
      {
        kind: "s3",
        bucket: "images",
        region: "us-east-1",
        url: cdn.url,
        by: "cloudflare",
        api: cdn.purgeApi,
        token: "TEST_PURGE_TOKEN",
      },
    ],
  });
  const requestOf = (project: string, images: string, storage = purging()): ImagesRequest => ({
    project,
    images,
    prefix: project,
    staging: `${registry.host}/staging/${project}`,
    mirrors: [{ name: "s3", repository: storeAddress({ kind: "s3", bucket: "images", region: "us-east-1" }) }],
    layerMirrors: [],
    mutableTags: ["latest"],
    removalShare: 1,
    storage,
  });
  const staged = (project: string): Promise<Pushed> => new Pusher(registry.host, `staging/${project}/app`).image();
  async function promote(request: ImagesRequest, before?: ImagesRequest): Promise<Outcome> {
    const previous = before && { request: before, incomplete: {} };
    const context = { signal: new AbortController().signal, report: () => {} };
    const outcome = await promotion.promote(request, previous, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    return outcome;
  }
  const client = async (...args: string[]) => (await run(crane, args, { env: { HOME: stores.folder } })).stdout.trim();
  const image = (project: string, reference: string) => `127.0.0.1:${redirector.port}/${project}/app${reference}`;
  const digest = (project: string, tag: string) => client("digest", image(project, `:${tag}`));
  const records = () => s3Keys(stores.s3Client, "images", "containers/purges/");

  /** Promotes an image as `latest`, lets clients pull it, and moves the tag. @returns both digests. */
  async function moved(project: string, storage: StorageSettings): Promise<[old: string, now: string]> {
    const [one, two] = [await staged(project), await staged(project)];
    const before = requestOf(project, `app:latest ${one.digest}\n`, storage);
    await promote(before);
    assert.equal(await digest(project, "latest"), one.digest);
    assert.equal(await client("ls", image(project, "")), "latest");
    assert.equal((await cdn.state(manifestKey(`${project}/app`, "latest")))[1], "HIT");
    await promote(requestOf(project, `app:latest ${two.digest}\napp:v2 ${two.digest}\n`, storage), before);
    return [one.digest, two.digest];
  }

  it("a moved tag and its list are seen at once", async () => {
    const [, now] = await moved("moved", purging());
    assert.equal(await digest("moved", "latest"), now);
    assert.equal(await client("ls", image("moved", "")), "latest\nv2");
    const latest = `${cdn.url}/${manifestKey("moved/app", "latest")}`;
    assert.ok(cdn.purged.flat().includes(latest));
    assert.deepEqual(await records(), []);
  });

  itUnless(
    existsSync("/usr/bin/skopeo") ? undefined : "skopeo is not installed",
    "skopeo sees a moved tag",
    async () => {
      const [, now] = await moved("copied", purging());
      const { stdout } = await run("skopeo", [
        "inspect",
        "--tls-verify=false",
        "--format={{.Digest}}",
        `docker://${image("copied", ":latest")}`,
      ]);
      assert.equal(stdout.trim(), now);
    },
  );

  it("without the purge clients get the old digest and the old list", async () => {
    const [old] = await moved("kept", stores.settings);
    assert.equal(await digest("kept", "latest"), old);
    assert.equal(await client("ls", image("kept", "")), "latest");
  });

  it("what is removed is gone, by tag, by digest, and its blobs, though they were cached for a year", async () => {
    const [one, two] = [await staged("removed"), await staged("removed")];
    const all = requestOf("removed", `app:v1 ${one.digest}\napp:v2 ${two.digest}\n`);
    await promote(all);
    const manifest = JSON.parse(await client("manifest", image("removed", ":v1"))) as { config: Pushed };
    const keys = [manifestKey("removed/app", "v1"), manifestKey("removed/app", one.digest)];
    keys.push(layerKey(manifest.config.digest), tagsKey("removed/app"));
    for (const key of keys) await cdn.state(key);
    for (const key of keys) assert.deepEqual((await cdn.state(key)).slice(0, 2), [200, "HIT"], key);
    await promote(requestOf("removed", `app:v2 ${two.digest}\n`), all);
    for (const reference of [":v1", `@${one.digest}`])
      await assert.rejects(client("manifest", image("removed", reference)), /MANIFEST_UNKNOWN/, reference);
    const blob = `/v2/removed/app/blobs/${manifest.config.digest}`;
    assert.equal((await fetch(`http://127.0.0.1:${redirector.port}${blob}`)).status, 404);
    assert.equal(await client("ls", image("removed", "")), "v2");
  });

  it("a purge that fails is a warning without the token; the next run purges what was left", async () => {
    const [one, two] = [await staged("later"), await staged("later")];
    const before = requestOf("later", `app:latest ${one.digest}\n`);
    await promote(before);
    assert.equal(await digest("later", "latest"), one.digest);
    cdn.refusal = {
      status: 403,
      body: '{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}',
    };
    const after = requestOf("later", `app:latest ${two.digest}\n`);
    const { unpurged = [] } = await promote(after, before);
    cdn.refusal = undefined;
    const [{ line: warning } = { line: "" }] = unpurged;
    assert.deepEqual(
      unpurged.map((purge) => purge.cdn),
      [cdn.url],
    );
    assert.match(warning, /^s3:\/\/images: the CDN .* may serve .* not purged: .*HTTP 403 .*Authentication error/);
    assert.ok(!warning.includes(purgeToken));
    assert.equal(await digest("later", "latest"), one.digest);
    assert.ok((await records()).length > 0);
    // Another process, which changes nothing.
    const { ended } = startPromotion({ request: after, previous: { request: after, incomplete: {} } });
    assert.deepEqual((await ended)?.unpurged, undefined);
    assert.equal(await digest("later", "latest"), two.digest);
    assert.deepEqual(await records(), []);
  });

  it("a file that moved and one that was removed are seen at once, by curl through the redirector", async () => {
    await stores.makeBucket("gcs", "staging-files");
    await stores.makeBucket("s3", "files");
    await stores.letAllRead("files");
    const front = await startCdn(`${stores.s3}/files`);
    const place = { latitude: 0, longitude: 0 };
    const before = await startRedirector({
      config: {
        host: "artifacts.example.dev",
        region: { name: "us-central1", ...place },
        fileMirrors: [{ name: "files", url: front.url, cloud: "aws", region: "us-east-1", ...place }],
        existence: { presentSeconds: 0, absentSeconds: 0 },
      },
    });
    const at = { kind: "s3", bucket: "files", region: "us-east-1" } as const;
    const purge = { ...at, url: front.url, by: "cloudflare", api: front.purgeApi, token: "TEST_PURGE_TOKEN" } as const;
    const wanted = (files: Readonly<Record<string, string>>): FilesRequest => ({
      project: "kops",
      files: Object.entries(files)
        .map(([path, content]) => `${path} ${sha256(Buffer.from(content))}\n`)
        .join(""),
      prefix: "kops",
      staging: "staging-files",
      mirrors: [{ name: "files", ...at }],
      mutableFiles: ["stable.txt"],
      removalShare: 1,
      storage: { ...stores.settings, purges: [purge] },
    });
    const promoteTo = async (files: Readonly<Record<string, string>>, last?: FilesRequest): Promise<FilesRequest> => {
      for (const [path, content] of Object.entries(files)) await stores.stage("staging-files", path, content);
      const request = wanted(files);
      const outcome = await promoteFiles(request, last && { request: last, incomplete: {} }, {
        signal: new AbortController().signal,
        report: () => {},
      });
      assert.deepEqual([outcome.failures, outcome.unpurged], [[], undefined]);
      return request;
    };
    const read = async (path: string) =>
      (
        await run("curl", ["-sL", "-w", " %{http_code}", `http://127.0.0.1:${before.port}/binaries/kops/${path}`])
      ).stdout.trim();
    try {
      const first = await promoteTo({ "stable.txt": "v1", "v1/linux": "one", "v1/a b+c": "odd" });
      for (let time = 0; time < 2; time++)
        assert.deepEqual(
          [await read("stable.txt"), await read("v1/linux"), await read("v1/a%20b+c")],
          ["v1 200", "one 200", "odd 200"],
        );
      assert.equal((await front.state("binaries/kops/v1/linux"))[1], "HIT");
      assert.equal((await front.state("binaries/kops/v1/a%20b%2Bc"))[1], "HIT");
      await promoteTo({ "stable.txt": "v2" }, first);
      assert.equal(await read("stable.txt"), "v2 200");
      for (const path of ["v1/linux", "v1/a%20b+c"]) assert.match(await read(path), / 404$/);
    } finally {
      await before.stop();
      await front.stop();
    }
  });

  it("a run that is killed after it moved a tag is followed by one that purges", async () => {
    const [one, two] = [await staged("killed"), await staged("killed")];
    const before = requestOf("killed", `app:latest ${one.digest}\n`);
    await promote(before);
    assert.equal(await digest("killed", "latest"), one.digest);
    const request = requestOf("killed", `app:latest ${two.digest}\n`);
    cdn.refusal = { status: 503, body: "" }; // so that it is killed while it tries
    const { child, ended } = startPromotion({ request, previous: { request: before, incomplete: {} } });
    const isMoved = async () =>
      (await (await fetch(`${stores.s3}/images/${manifestKey("killed/app", "latest")}`)).text()).includes(two.digest) ||
      (await fetch(`${stores.s3}/images/${manifestKey("killed/app", two.digest)}`)).ok;
    while (!(await isMoved()) || (await records()).length === 0) await new Promise((again) => setTimeout(again, 20));
    child.kill("SIGKILL");
    assert.equal(await ended, undefined);
    cdn.refusal = undefined;
    const next = startPromotion({ request, previous: { request: before, incomplete: {} } });
    assert.deepEqual((await next.ended)?.failures, []);
    assert.equal(await digest("killed", "latest"), two.digest);
    assert.deepEqual(await records(), []);
  });
});
