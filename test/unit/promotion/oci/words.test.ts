/** The words of the OCI specs: repositories, digests, challenges, manifests. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { causeOf } from "../../../../components/promotion/http/errors.ts";
import { readChallenges } from "../../../../components/promotion/oci/challenge.ts";
import { digestOf, isDigest } from "../../../../components/promotion/oci/digest.ts";
import { readManifest, referrerEntry } from "../../../../components/promotion/oci/manifest.ts";
import { repositoryAt } from "../../../../components/promotion/oci/repository.ts";
import { printable } from "../../../../components/promotion/text/printable.ts";

const digest = `sha256:${"a".repeat(64)}`;

it("digests are sha256 in lower case", () => {
  assert.ok(isDigest(digest));
  for (const wrong of [
    "",
    "sha256:",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    `sha512:${"a".repeat(128)}`,
    ` ${digest}`,
    `${digest}\n`,
  ]) {
    assert.equal(isDigest(wrong), false, JSON.stringify(wrong));
  }
  assert.equal(digestOf(Buffer.from("")), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

describe("repositories", () => {
  it("have the origin of their host", () => {
    assert.deepEqual(repositoryAt("us-docker.pkg.dev/p/images", "prefix", "app/ui"), {
      host: "us-docker.pkg.dev",
      origin: "https://us-docker.pkg.dev",
      name: "p/images/prefix/app/ui",
    });
    for (const host of ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "127.9.9.9"]) {
      assert.equal(repositoryAt(`${host}/p`, "", "app").origin, `http://${host}`);
    }
    for (const host of ["localhost.example", "127.0.0.1.example", "128.0.0.1"]) {
      assert.equal(repositoryAt(`${host}/p`).origin, `https://${host}`);
    }
  });

  it("are refused by name if invalid", () => {
    const table: [string, string[], RegExp][] = [
      ["", ["app"], /is no registry URI/],
      ["https://host/p", ["app"], /is no registry URI|no repository name/],
      ["host/p", ["App"], /"App" must be lower-case/],
      ["host/p", ["a//b"], /"" must be/],
      ["host/p", ["../x"], /"\.\." must be/],
      ["host/p", ["a__b___c"], /must be/],
      ["host/p", ["a?b"], /must be/],
      ["host/p", ["a".repeat(260)], /longer than 255/],
      ["host", [], /is no repository name/],
    ];
    for (const [uri, path, message] of table)
      assert.throws(() => repositoryAt(uri, ...path), message, `${uri} ${path}`);
  });
});

describe("challenges", () => {
  it("are parsed with quotes, commas and several schemes", () => {
    assert.deepEqual(
      readChallenges('Bearer realm="https://h/token?a=b,c",service="a \\"b\\"",scope="repository:x:pull,push"'),
      [
        {
          scheme: "bearer",
          parameters: { realm: "https://h/token?a=b,c", service: 'a "b"', scope: "repository:x:pull,push" },
        },
      ],
    );
    assert.deepEqual(readChallenges('Basic realm="x", Bearer realm=https://h/t , Service="s"'), [
      { scheme: "basic", parameters: { realm: "x" } },
      { scheme: "bearer", parameters: { realm: "https://h/t", service: "s" } },
    ]);
    assert.deepEqual(readChallenges(""), []);
  });

  it("never throw", () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(readChallenges(text))));
  });
});

describe("manifests", () => {
  const read = (content: unknown, type = "") => {
    const bytes = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
    return readManifest(bytes, digestOf(bytes), type);
  };
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: 3 };

  it("of images list their blobs, of indexes their children", () => {
    const image = read({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: layer,
      layers: [layer, layer],
      subject: layer,
    });
    assert.equal(image.blobs.length, 3);
    assert.equal(image.subject?.digest, digest);
    assert.equal(read({ mediaType: image.mediaType, config: layer, layers: [], subject: null }).subject, undefined);
    const entry = {
      mediaType: image.mediaType,
      digest,
      size: 4,
      platform: { os: "linux", architecture: "arm", variant: "v7" },
    };
    const index = read({ mediaType: "application/vnd.oci.image.index.v1+json", manifests: [entry, layer] });
    assert.deepEqual(
      index.children.map(({ platform }) => platform),
      ["linux/arm/v7"],
    );
    assert.deepEqual(
      index.blobs.map(({ size }) => size),
      [3],
      "build caches list layers in an index",
    );
  });

  it("need no media type, and foreign layers are not copied", () => {
    assert.equal(read({ config: layer, layers: [] }).mediaType, "application/vnd.oci.image.manifest.v1+json");
    assert.equal(read({ manifests: [] }).mediaType, "application/vnd.oci.image.index.v1+json");
    const docker = "application/vnd.docker.distribution.manifest.v2+json";
    assert.equal(read({ config: layer, layers: [] }, `${docker}; charset=utf-8`).mediaType, docker);
    const foreign = {
      ...layer,
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      urls: ["https://x"],
    };
    assert.equal(read({ mediaType: docker, config: layer, layers: [foreign] }).blobs.length, 1);
  });

  it("of OCI artifacts have the fields of the referrers list", () => {
    const content = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: layer,
      layers: [],
      annotations: { a: "b" },
    };
    assert.deepEqual(
      referrerEntry(read({ ...content, artifactType: "application/sbom" }))["artifactType"],
      "application/sbom",
    );
    assert.deepEqual(referrerEntry(read(content))["artifactType"], layer.mediaType);
    assert.deepEqual(referrerEntry(read(content))["annotations"], { a: "b" });
    assert.equal(read({ mediaType: "application/vnd.oci.artifact.manifest.v1+json", blobs: [layer] }).blobs.length, 1);
  });

  it("are refused with a reason if invalid", () => {
    const table: [unknown, RegExp][] = [
      ["no json", /is not JSON/],
      [[], /is not a JSON object/],
      [{ schemaVersion: 1, fsLayers: [] }, /schema 1 .* build and push/],
      [{ mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" }, /schema 1/],
      [{ mediaType: "text/html" }, /media type "text\/html"/],
      [
        { config: { ...layer, digest: "sha512:x" }, layers: [] },
        /"sha512:x", which is not supported: registries store sha256 digests only/,
      ],
      [{ config: { ...layer, size: -1 }, layers: [] }, /is no number of bytes/],
      [{ config: layer, layers: [], blobs: {} }, /is not a list/],
    ];
    for (const [content, message] of table) assert.throws(() => read(content), message);
    assert.throws(() => readManifest(Buffer.from("{}"), digest, ""), /came as content with digest/);
  });

  it("never fail in another way", () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, type) => {
        try {
          read(json, type);
        } catch (error) {
          assert.equal((error as Error).name, "WrongContentError", String(error));
        }
      }),
    );
  });
});

it("foreign text in messages can neither break lines nor steer terminals and CI", () => {
  assert.equal(printable("a\u001b[31m\nb\r::error::c\u2028d", 100), "a [31m b : :error: :c d");
  assert.equal(printable("x".repeat(20), 5), "xxxxx...");
  assert.equal(causeOf(Object.assign(new Error("gone"), { code: "ECONNRESET" })), "gone (ECONNRESET)");
  assert.equal(causeOf(new AggregateError([new Error("inner")], "")), "inner");
  const refused = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
  assert.equal(
    causeOf(new TypeError("fetch failed", { cause: refused })),
    "fetch failed: connect refused (ECONNREFUSED)",
  );
});
