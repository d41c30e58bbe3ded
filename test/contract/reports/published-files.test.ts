/** Users report: names, encodings and missing files that one store serves and another does not, and a store that answers 404 to everything. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { before, describe, it } from "mocha";
import { isFilePath } from "../../../components/manifests/file-names.ts";
import { previewFiles, promoteFiles, takeFileInventory } from "../../../components/promotion/files/files.ts";
import type { Context, FilesRequest } from "../../../components/promotion/run/request.ts";
import { afterFile } from "../../support/cleanup.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { type RunningRedirector, startRedirector } from "../../support/redirector-process.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const near = { cloud: "aws", region: "near", latitude: 0, longitude: 0 } as const;
const far = { cloud: "gcp", region: "far", latitude: 50, longitude: 50 } as const;

/** The rows of the table in components/manifests/README.md that are allowed. */
const oddPaths = [
  "v1.0.0+build.1/tool~1@x=y,z",
  "v1/My Tool 1.0 (arm64).dmg",
  "größe.txt",
  "инструкция-v1.pdf",
  "說明書/説明書.pdf",
  "+",
];

describe("published files, from fake-gcs-server and versitygw", () => {
  let stores: ObjectStores;
  let redirectors: { name: string; running: RunningRedirector }[];

  before(async () => {
    stores = await startObjectStores();
    afterFile(() => stores.stop());
    for (const bucket of ["staging", "canonical"]) await stores.makeBucket("gcs", bucket);
    await stores.makeBucket("s3", "near");
    await stores.letAllRead("near");
    const canonical = { name: "canonical", url: `${stores.gcs}/canonical`, ...far };
    const aws = { name: "near", url: `${stores.s3}/near`, ...near };
    redirectors = await Promise.all(
      [
        { name: "versitygw", fileMirrors: [canonical, aws], place: near },
        { name: "fake-gcs-server", fileMirrors: [canonical], place: far },
      ].map(async ({ name, fileMirrors, place: { region, latitude, longitude } }) => {
        const config = { host: "h.example", region: { name: region, latitude, longitude }, fileMirrors };
        const running = await startRedirector({ config: { ...config, existence: { timeoutSeconds: 5 } } });
        afterFile(() => running.stop());
        return { name, running };
      }),
    );
  });

  /** The response to curl, which follows redirects: status, media type and body, and the address that it ended at. */
  async function curl({ port }: RunningRedirector, path: string, ...options: string[]) {
    const format = "\n%{http_code} %{content_type} %{url_effective}";
    const args = ["-sS", "--location", "--path-as-is", "-w", format, ...options];
    const { stdout } = await promisify(execFile)("curl", [...args, `http://127.0.0.1:${port}${path}`]);
    const [, body, status, type, address] = /^(.*)\n(\d+) (.*) (\S+)$/s.exec(stdout)!;
    return { body, status: Number(status), type, address };
  }

  function requestFor(project: string, files: Readonly<Record<string, string | Buffer>>): FilesRequest {
    const lines = Object.entries(files).map(([path, content]) => `${path} sha256:${hexOf(content)}\n`);
    return {
      project,
      files: lines.sort().join(""),
      prefix: project,
      staging: "staging",
      mirrors: [
        { name: "canonical", kind: "gcs", bucket: "canonical", region: "far" },
        { name: "near", kind: "s3", bucket: "near", region: "us-east-1" },
      ],
      removalShare: 1,
      storage: { gcsEndpoint: stores.gcs, s3Endpoint: stores.s3, s3UsePathStyle: true },
    };
  }

  it("curl: a file that no store has is a plain 404 of the redirector, not the XML of versitygw or fake-gcs-server", async () => {
    for (const { name, running } of redirectors)
      for (const path of ["/binaries/demo/none", "/catalog/none.json"]) {
        const { status, type, body, address } = await curl(running, path);
        assert.deepEqual(
          [status, type, body],
          [404, "text/plain; charset=utf-8", "not found: no mirror has this file\n"],
          name,
        );
        assert.equal(new URL(address!).port, String(running.port), "answered by the redirector");
      }
  });

  it("curl: a file that only versitygw lacks comes from fake-gcs-server", async () => {
    await stores.stage("canonical", "binaries/demo/late", "late");
    const { status, body, address } = await curl(redirectors[0]!.running, "/binaries/demo/late");
    assert.deepEqual([status, body, address], [200, "late", `${stores.gcs}/canonical/binaries/demo/late`]);
  });

  it("curl, --compressed too: a file staged with Content-Encoding is served as the bytes of its sha256, and the preview says so", async () => {
    const files = { page: gzipSync("a page"), "tool.tar.gz": gzipSync("a tool") };
    for (const [path, content] of Object.entries(files))
      await stores.stage("staging", path, content, { contentEncoding: "gzip" });
    const request = requestFor("encoded", files);
    const { errors, warnings } = await previewFiles(request, undefined, context);
    assert.deepEqual(errors, []);
    assert.deepEqual(warnings, [
      "project encoded: page is staged with Content-Encoding gzip, and published without: clients get the compressed bytes, which its sha256 names. Stage it without, unless that is what they expect",
    ]);
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
    for (const { name, running } of redirectors)
      for (const [path, content] of Object.entries(files))
        for (const options of [[], ["--compressed"]]) {
          const to = `${stores.folder}/downloaded`;
          const { status } = await curl(running, `/binaries/encoded/${path}`, "-o", to, ...options);
          assert.deepEqual([status, hexOf(await readFile(to))], [200, hexOf(content)], `${path} ${name}`);
        }
    const decoded = requestFor("decoded", { page: "a page" });
    const wrong = await previewFiles(decoded, undefined, context);
    assert.match(
      wrong.errors.join(),
      /gs:\/\/staging\/page has sha256:.* \(stored with Content-Encoding gzip: stage it without\)/,
    );
  });

  it("curl: every kind of path that a manifest may have is promoted to both stores, and served under the same URL by both", async () => {
    const files = Object.fromEntries(oddPaths.map((path) => [path, `content of ${path}`]));
    for (const [path, content] of Object.entries(files)) {
      assert.equal(isFilePath(path), true, path);
      await stores.stage("staging", path, content);
    }
    const request = requestFor("odd", files);
    assert.deepEqual((await previewFiles(request, undefined, context)).errors, []);
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
    assert.deepEqual((await takeFileInventory(request, context)).incomplete, {});
    for (const { name, running } of redirectors)
      for (const [path, content] of Object.entries(files))
        for (const encoded of [encodeURI(path), path.split("/").map(encodeURIComponent).join("/")]) {
          const { status, body } = await curl(running, `/binaries/odd/${encoded}`);
          assert.deepEqual([status, body], [200, content], `${encoded} from ${name}`);
        }
    const removed = { request, incomplete: {} };
    const without = { ...request, files: "" };
    assert.deepEqual((await promoteFiles(without, removed, context)).failures, []);
    assert.equal((await curl(redirectors[1]!.running, `/binaries/odd/${encodeURI(oddPaths[1]!)}`)).status, 404);
  });

  it("fake-gcs-server: the preview says what staging has in place of a file", async () => {
    await stores.stage("staging", "instead/v1/tool-linux-amd64", "x");
    for (const [path, says] of [
      ["instead/v1/tool-linux-amd46", "staging has instead/v1/tool-linux-amd64: did you mean that?"],
      ["instead/v1/README", "staging has instead/v1/tool-linux-amd64 there"],
      ["instead/v2/tool", "staging has nothing below instead/v2/"],
    ] as const) {
      const { errors } = await previewFiles(requestFor("instead", { [path]: "x" }), undefined, context);
      assert.equal(errors.length, 1);
      assert.ok(errors[0]!.endsWith(`; ${says}`), errors[0]);
    }
  });

  it("versitygw with an unknown access key answers 404: the mirror is unreadable, and not empty", async () => {
    const request = requestFor("unreadable", { tool: "x" });
    const known = process.env["AWS_ACCESS_KEY_ID"];
    process.env["AWS_ACCESS_KEY_ID"] = "unknown";
    try {
      const mirrors = request.mirrors.filter(({ kind }) => kind === "s3");
      // Another address is another client, which reads the environment again.
      const storage = { ...request.storage, s3Endpoint: stores.s3.replace("127.0.0.1", "localhost") };
      const { failures, incomplete } = await takeFileInventory({ ...request, mirrors, storage }, context);
      assert.equal(failures.length, 1);
      assert.match(failures[0]!, /InvalidAccessKeyId/);
      assert.deepEqual(incomplete, {});
    } finally {
      process.env["AWS_ACCESS_KEY_ID"] = known;
    }
  });

  it("a server that answers 404 to everything is not Google Cloud Storage: the mirror is unreadable, and not empty", async () => {
    const request = requestFor("wrong-endpoint", { tool: "x" });
    const mirrors = request.mirrors.filter(({ kind }) => kind === "gcs");
    const storage = { gcsEndpoint: `${stores.s3}/health` };
    const { failures } = await takeFileInventory({ ...request, mirrors, storage }, context);
    assert.match(failures.join(), /canonical.*not Google Cloud Storage: check the endpoint/);
  });
});

function hexOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
