/** The demo projects' artifacts: real, whole, and the same everywhere. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { it } from "mocha";
import { unpackTar } from "modern-tar";
import { makeArtifacts } from "../../../local/seed/artifacts.ts";
import { content, type Descriptor, sha256Hex } from "../../../local/seed/content.ts";
import { demoManifests, demoManifestsFolder } from "../../../local/seed/demo-manifests.ts";
import { makeImage, mediaTypes } from "../../../local/seed/image.ts";
import { makeLayer } from "../../../local/seed/layer.ts";
import { demoPublicKey, signImage } from "../../../local/seed/signature.ts";

const root = join(import.meta.dirname, "../../..");
const artifacts = await makeArtifacts();
const images = artifacts.projects.flatMap((project) => project.images);

it("the committed manifests have the actual digests", async () => {
  for (const [path, text] of demoManifests(artifacts)) {
    const committed = await readFile(join(demoManifestsFolder, path), "utf8");
    assert.equal(committed, text, `${path}: run node local/seed/write-manifests.ts`);
  }
});

it("another JavaScript engine makes the same bytes", async () => {
  const script = `const { makeArtifacts } = await import(${JSON.stringify(join(root, "local/seed/artifacts.ts"))});
    const { demoManifests } = await import(${JSON.stringify(join(root, "local/seed/demo-manifests.ts"))});
    console.log(JSON.stringify([...demoManifests(await makeArtifacts())]));`;
  const { stdout } = await promisify(execFile)(join(root, "node_modules/.bin/bun"), ["--eval", script], { cwd: root });
  assert.deepEqual(new Map(JSON.parse(stdout) as [string, string][]), demoManifests(artifacts));
});

it("every digest matches its bytes, and every reference of a manifest exists", () => {
  for (const image of images) {
    const known = new Map(image.blobs.map((blob) => [blob.digest, blob.bytes.length]));
    for (const blob of image.blobs) assert.equal(blob.digest, `sha256:${sha256Hex(blob.bytes)}`);
    for (const { content: manifest } of image.manifests) {
      assert.equal(manifest.digest, `sha256:${sha256Hex(manifest.bytes)}`);
      const value = JSON.parse(new TextDecoder().decode(manifest.bytes)) as {
        config?: Descriptor;
        layers?: Descriptor[];
        manifests?: Descriptor[];
        subject?: Descriptor;
      };
      const named = [value.config, ...(value.layers ?? []), ...(value.manifests ?? []), value.subject];
      for (const descriptor of named) {
        if (descriptor) assert.equal(known.get(descriptor.digest), descriptor.size, JSON.stringify(descriptor));
      }
      known.set(manifest.digest, manifest.bytes.length); // later ones may name it: they are in the order to push them
    }
    for (const { digest, tags } of image.releases) {
      assert.deepEqual(image.manifests.find((one) => one.content.digest === digest)?.tags, tags);
    }
  }
});

it("the demo has an index of two platforms, a release in staging only, and a plain image", () => {
  const [dotslash, semver] = images;
  const kinds = (image: typeof dotslash) =>
    image?.releases.map(({ digest, promoted }) => {
      const manifest = image.manifests.find((one) => one.content.digest === digest)!.content;
      const { manifests } = JSON.parse(new TextDecoder().decode(manifest.bytes)) as { manifests?: Descriptor[] };
      return { promoted, platforms: manifests?.map(({ platform }) => `${platform?.os}/${platform?.architecture}`) };
    });
  const platforms = ["linux/amd64", "linux/arm64"];
  assert.deepEqual(kinds(dotslash), [
    { promoted: true, platforms },
    { promoted: false, platforms },
  ]);
  assert.deepEqual(kinds(semver), [{ promoted: true, platforms: undefined }]);
});

it("projects share the base layer", () => {
  const [dotslash, semver] = images.map(({ blobs }) => new Set(blobs.filter(isLayer).map(({ digest }) => digest)));
  assert.equal([...dotslash!].filter((digest) => semver!.has(digest)).length, 1);
});

it("each file has a correct checksum file", () => {
  const { files } = artifacts.projects[0]!;
  const plain = files.filter(({ path }) => !path.endsWith(".sha256"));
  assert.equal(plain.length * 2, files.length);
  for (const file of plain) {
    const beside = files.find(({ path }) => path === `${file.path}.sha256`)!;
    assert.equal(new TextDecoder().decode(beside.bytes), `${sha256Hex(file.bytes)}  ${file.path.split("/").at(-1)}\n`);
  }
});

it("a layer has its entries and their parent folders, with fixed owners and times", async () => {
  const layer = await makeLayer("a test", [
    { path: "z/b", content: "b" },
    { path: "a/tool", content: "tool", mode: 0o755, owner: 7 },
    { path: "a/link", link: "tool" },
    { path: "tmp/", mode: 0o1777 },
  ]);
  const tar = gunzipSync(layer.bytes);
  assert.equal(layer.diffId, `sha256:${sha256Hex(tar)}`);
  const entries = await unpackTar(tar, { strict: true });
  assert.deepEqual(
    entries.map(({ header: { name, type, mode, uid, gid, linkname } }) => [name, type, mode, uid, gid, linkname]),
    [
      ["a/", "directory", 0o755, 0, 0, ""],
      ["a/link", "symlink", 0o777, 0, 0, "tool"],
      ["a/tool", "file", 0o755, 7, 7, ""],
      ["tmp/", "directory", 0o1777, 0, 0, ""],
      ["z/", "directory", 0o755, 0, 0, ""],
      ["z/b", "file", 0o644, 0, 0, ""],
    ],
  );
  assert.deepEqual(
    new Set(entries.map(({ header }) => header.mtime?.toISOString())),
    new Set(["2026-01-01T00:00:00.000Z"]),
  );
});

it("a config lists the diff ids of its layers", async () => {
  const layer = await makeLayer("a test", [{ path: "a", content: "a" }]);
  const { config } = makeImage({ os: "linux", architecture: "amd64" }, [layer], { entrypoint: ["/a"], labels: {} });
  const value = JSON.parse(new TextDecoder().decode(config.bytes)) as { rootfs: unknown; history: unknown[] };
  assert.deepEqual(value.rootfs, { type: "layers", diff_ids: [layer.diffId] });
  assert.equal(value.history.length, 2); // the layer and the entrypoint
});

it("a signature signs the payload that names the image, and is reproducible", async () => {
  const signed = content(mediaTypes.manifest, new TextEncoder().encode("{}"));
  const { tag, blobs, manifest } = signImage("a/b", signed);
  assert.equal(tag, `sha256-${sha256Hex(signed.bytes)}.sig`);
  const payload = blobs.find(({ mediaType }) => mediaType === "application/vnd.dev.cosign.simplesigning.v1+json")!;
  const { layers } = JSON.parse(new TextDecoder().decode(manifest.bytes)) as {
    layers: { digest: string; annotations: Record<string, string> }[];
  };
  assert.equal(layers[0]!.digest, payload.digest);
  const signature = Buffer.from(layers[0]!.annotations["dev.cosignproject.cosign/signature"]!, "base64");
  assert.ok(verify(null, payload.bytes, createPublicKey(demoPublicKey()), signature));
  assert.deepEqual(signImage("a/b", signed).manifest, manifest);
  const committed = await readFile(join(root, "local/seed/demo-key.pub"), "utf8");
  assert.equal(committed, demoPublicKey());
});

function isLayer({ mediaType }: { mediaType: string }): boolean {
  return mediaType === "application/vnd.oci.image.layer.v1.tar+gzip";
}
