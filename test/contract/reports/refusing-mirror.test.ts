/** Users report: the nearest mirror refuses everyone, counts as healthy, and all pulls near it fail. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { describe, it } from "mocha";
import { afterFile } from "../../support/cleanup.ts";
import { startObjectStores } from "../../support/object-stores.ts";
import { startRedirector } from "../../support/redirector-process.ts";
import { Pusher, startRegistry } from "../../support/registries.ts";

const near = { cloud: "gcp", region: "near", latitude: 0, longitude: 0 } as const;
const far = { cloud: "gcp", region: "far", latitude: 50, longitude: 50 } as const;

/** What paths of files may contain that clients, stores and URLs treat in different ways. */
const oddNames = ["v1.0.0+build.1/tool", "a~b", "a@b", "a=b,c", "+"];

describe("a mirror that refuses everyone", () => {
  let origin: string;
  let stores: Awaited<ReturnType<typeof startObjectStores>>;

  it("olareg (401) and versitygw without a bucket policy (403): every object comes from the far mirror", async () => {
    stores = await startObjectStores();
    afterFile(() => stores.stop());
    // It grants nobody anything.
    await writeFile(`${stores.folder}/nobody.yaml`, "users: {}\nacls: []\n");
    const closed = await startRegistry("olareg", ["--auth-basic", `${stores.folder}/nobody.yaml`]);
    const open = await startRegistry("olareg");
    const pusher = new Pusher(open.host, "p/images/demo/app");
    const images = [];
    for (let count = 0; count < 8; count++) images.push(await pusher.image({ layers: [] }));
    for (const bucket of ["closed", "open"]) await stores.makeBucket("s3", bucket);
    await stores.letAllRead("open");
    for (const Bucket of ["closed", "open"])
      for (let count = 0; count < 8; count++)
        await stores.s3Client.send(new PutObjectCommand({ Bucket, Key: `binaries/demo/f${count}`, Body: "x" }));
    const redirector = await startRedirector({
      config: {
        host: "artifacts.example.dev",
        region: { name: "near", latitude: 0, longitude: 0 },
        existence: { timeoutSeconds: 5 },
        imageMirrors: [
          { name: "images-near", url: `http://${closed.host}/v2/p/images`, ...near },
          { name: "images-far", url: `http://${open.host}/v2/p/images`, ...far },
        ],
        fileMirrors: [
          { name: "files-near", url: `${stores.s3}/closed`, ...near },
          { name: "files-far", url: `${stores.s3}/open`, ...far },
        ],
      },
    });
    afterFile(() => redirector.stop());
    origin = `http://127.0.0.1:${redirector.port}`;
    for (const { digest } of images)
      assert.equal((await fetch(`${origin}/v2/demo/app/manifests/${digest}`)).status, 200, digest);
    for (let count = 0; count < 8; count++)
      assert.equal((await fetch(`${origin}/binaries/demo/f${count}`)).status, 200, `f${count}`);
    await redirector.logged(/mirror images-near fails when asked/);
    await redirector.logged(/mirror files-near fails when asked/);
  });

  it("versitygw: names with +, ~, @, = and commas are served under the name that was promoted", async () => {
    for (const name of oddNames) {
      await stores.s3Client.send(new PutObjectCommand({ Bucket: "open", Key: `binaries/demo/${name}`, Body: name }));
      for (const asked of [name, encodeURIComponent(name).replaceAll("%2F", "/")]) {
        const response = await fetch(`${origin}/binaries/demo/${asked}`);
        assert.deepEqual([response.status, await response.text()], [200, name], asked);
      }
    }
  });

  it("versitygw: requests with a path of 1,100 bytes, which stores refuse, change nothing for others", async () => {
    for (let count = 0; count < 20; count++) {
      const asked = `${origin}/binaries/demo/${count}/${"x".repeat(200)}/`.padEnd(1_100, "y/x");
      assert.equal((await fetch(asked)).status, 404);
      assert.equal((await fetch(`${origin}/binaries/demo/f${count % 8}`)).status, 200);
    }
  });

  it("fetch: a page of another origin may read files and the catalogue; the redirect says so too", async () => {
    const headers = { origin: "https://other.example" };
    await stores.s3Client.send(new PutObjectCommand({ Bucket: "open", Key: "catalog/index.json", Body: "{}" }));
    for (const path of ["/binaries/demo/f0", "/catalog/index.json"]) {
      const response = await fetch(`${origin}${path}`, { redirect: "manual", headers });
      assert.deepEqual([response.status, response.headers.get("access-control-allow-origin")], [307, "*"], path);
    }
  });
});
