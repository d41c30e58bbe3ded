// artifacts compare --files: two real object stores, and an HTTP server that redirects as the redirector does.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { runArtifacts } from "../support/run-command-lines.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const contents = { "v1/tool": "one", "v1/tool.txt": "two", "v2/tool": "three" };

describe("compare --files", () => {
  let stores: ObjectStores;
  let folder: string;
  let redirector: LoopbackServer;
  let host: string;
  /** What the mirror behind the redirector has. */
  const served = new Map<string, string>();

  before(async () => {
    stores = await startObjectStores();
    await Promise.all([stores.makeBucket("gcs", "today"), stores.makeBucket("s3", "mirror")]);
    for (const [path, content] of Object.entries(contents)) {
      const key = `binaries/tool/${path}`;
      await stores.stage("today", key, content);
      await stores.s3Client.send(new PutObjectCommand({ Bucket: "mirror", Key: key, Body: content }));
      served.set(`/${key}`, content);
    }
    redirector = await serveOnLoopback(({ url = "" }, response) => {
      if (url.startsWith("/mirror/")) {
        const content = served.get(url.slice("/mirror".length));
        response.writeHead(content === undefined ? 404 : content === "refused" ? 403 : 200).end(content);
      } else response.writeHead(307, { location: `/mirror${url}` }).end();
    });
    host = redirector.url;
    folder = await mkdtemp(join(tmpdir(), "compare-files-"));
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    const write = (name: string, text: string) => writeFile(join(folder, "manifests/tool", name), text);
    await write(
      "project.yaml",
      "description: A tool\nowners:\n  group: tool@example.org\nstaging:\n  files: true\nfilePrefix: tool\n",
    );
    const lines = Object.entries(contents).map(([path, content]) => `- name: ${path}\n  sha256: ${sha256(content)}\n`);
    await write("files.yaml", `files:\n${lines.join("")}`);
  });
  after(async () => {
    await redirector.close();
    await stores.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("equal in GCS, in S3 and through a redirector, whole or sampled", async () => {
    assert.deepEqual(await compare("gs://today", "s3://mirror@us-east-1"), {
      code: 0,
      out: "3 names of 3 names compared: equal\n",
      err: "",
    });
    assert.equal((await compare("gs://today", host)).out, "3 names of 3 names compared: equal\n");
    assert.equal((await compare("s3://mirror", host, "--sample", "2")).out, "2 names of 3 names compared: equal\n");
  });

  it("names each difference, and what could not be read", async () => {
    served.set("/binaries/tool/v1/tool", "changed");
    served.delete("/binaries/tool/v1/tool.txt");
    assert.deepEqual(await compare("gs://today", host), {
      code: 3,
      out: `! binaries/tool/v1/tool sha256:${sha256("one")} in the first, sha256:${sha256("changed")} in the second\n- binaries/tool/v1/tool.txt sha256:${sha256("two")}\n3 names of 3 names compared: 2 differences\n`,
      err: "",
    });
    served.set("/binaries/tool/v2/tool", "refused");
    const refused = await compare("gs://today", host, "--json");
    assert.equal(refused.code, 1);
    const { unreadable, differences } = JSON.parse(refused.out) as { unreadable: string[]; differences: unknown[] };
    assert.deepEqual(unreadable, [`binaries/tool/v2/tool: ${host}/binaries/tool/v2/tool: HTTP 403`]);
    assert.equal(differences.length, 2);
  });

  it("what is no place of files is refused, with what is one", async () => {
    for (const place of ["today", "ftp://today", "gs://today@us", "https://", "s3:///x"]) {
      const { code, err } = await compare(place, "gs://today");
      assert.equal(code, 2, place);
      assert.match(err, /is no place of files: give gs:\/\/BUCKET, s3:\/\/BUCKET@REGION or https:\/\/HOST/);
    }
    const both = await compare("gs://today", "gs://today", "--registry", "example.org");
    assert.equal(both.code, 2);
    assert.match(both.err, /give either --registry, to compare images, or --files, to compare files/);
  });

  function compare(first: string, second: string, ...more: string[]) {
    const endpoints = ["--gcs-endpoint", `${stores.gcs}/storage/v1/`, "--aws-endpoint", stores.s3];
    return runArtifacts(["compare", "--files", first, "--with", second, ...endpoints, ...more], { cwd: folder });
  }
});
