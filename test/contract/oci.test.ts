/** The client of the distribution API against two registries that others wrote. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { after, before, describe, it } from "mocha";
import { type Blob, beginning, hasBlob, putBlob, readBlob, startUpload } from "../../components/promotion/oci/blobs.ts";
import { digestOf } from "../../components/promotion/oci/digest.ts";
import { deleteManifest, getManifest, headManifest, putManifest } from "../../components/promotion/oci/manifests.ts";
import { enterReferrers, listReferrers } from "../../components/promotion/oci/referrers.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { listenOnLoopback } from "../support/loopback-server.ts";
import { Pusher, type RegistryKind, startRegistry, type TestRegistry } from "../support/registries.ts";

for (const kind of ["olareg", "distribution"] satisfies RegistryKind[]) {
  describe(`OCI client, on ${kind}`, () => {
    let registry: TestRegistry;
    const transport = new Transport();
    before(async () => {
      registry = await startRegistry(kind);
    });
    after(async () => {
      await transport.close();
      await registry.remove();
    });

    const at = (name: string): Remote => ({
      transport,
      repository: repositoryAt(`${registry.host}/${name}`),
      signal: new AbortController().signal,
    });

    async function whole(remote: Remote, blob: Blob): Promise<Buffer> {
      return Buffer.concat(await Array.fromAsync(readBlob([remote], blob, beginning())));
    }

    it("stores and reads blobs of any size", async () => {
      for (const size of [0, 1, 1000, 64 * 1024 + 1, 1_500_000]) {
        const bytes = randomBytes(size);
        const blob = { digest: digestOf(bytes), size };
        assert.equal(await hasBlob(at("a/layers"), blob), false);
        await putBlob(at("a/layers"), blob, bytes);
        assert.equal(await hasBlob(at("a/layers"), blob), true);
        assert.deepEqual(await whole(at("a/layers"), blob), bytes);
      }
    });

    it("resumes a blob from an offset", async () => {
      const bytes = randomBytes(20_000_000);
      const blob = { digest: digestOf(bytes), size: bytes.length };
      await putBlob(at("a/layers"), blob, bytes);
      const bookmarks = [beginning()];
      await Array.fromAsync(readBlob([at("a/layers")], blob, beginning(), (mark) => bookmarks.push(mark)));
      const last = bookmarks.at(-1)!;
      assert.ok(last.offset > 0 && last.offset < bytes.length);
      const rest = Buffer.concat(await Array.fromAsync(readBlob([at("a/layers")], blob, last)));
      assert.deepEqual(rest, bytes.subarray(last.offset));
      // Nothing is left to be asked for at its end, which may be where an upload broke.
      const end = { offset: bytes.length, hash: createHash("sha256").update(bytes) };
      assert.deepEqual(await Array.fromAsync(readBlob([at("a/layers")], blob, end)), []);
      const wrong = { offset: bytes.length, hash: createHash("sha256") };
      await assert.rejects(Array.fromAsync(readBlob([at("a/layers")], blob, wrong)), /is not sha256:/);
    });

    it("mounts a blob from another repository of the registry", async () => {
      const bytes = randomBytes(1000);
      const blob = { digest: digestOf(bytes), size: bytes.length };
      await putBlob(at("mount/from"), blob, bytes);
      assert.equal(await startUpload(at("mount/to"), blob.digest, at("mount/from").repository), "mounted");
      assert.deepEqual(await whole(at("mount/to"), blob), bytes);
      const absent = digestOf(randomBytes(10));
      assert.ok((await startUpload(at("mount/to"), absent, at("mount/from").repository)) instanceof URL);
    });

    it("stores, finds and deletes manifests of every kind under digests and tags", async () => {
      const pusher = new Pusher(registry.host, "manifests");
      const image = await pusher.image({ tags: ["oci"] });
      const index = await pusher.index([image], ["index"]);
      const config = await pusher.blob(Buffer.from("{}"));
      const docker = await pusher.manifest({
        mediaType: "application/vnd.docker.distribution.manifest.v2+json",
        config: { ...config, mediaType: "application/vnd.docker.container.image.v1+json" },
        layers: [],
      });
      const list = await pusher.manifest({
        mediaType: "application/vnd.docker.distribution.manifest.list.v2+json",
        manifests: [{ ...docker, platform: { os: "linux", architecture: "amd64" } }],
      });
      for (const { digest, mediaType } of [image, index, docker, list]) {
        const manifest = await getManifest(at("manifests"), digest);
        assert.equal(manifest?.mediaType, mediaType);
        const found = await headManifest(at("manifests"), digest);
        assert.deepEqual([found?.digest, found?.mediaType], [digest, mediaType]);
      }
      const manifest = (await getManifest(at("manifests"), image.digest))!;
      await putManifest(at("manifests"), manifest, "again");
      assert.equal((await headManifest(at("manifests"), "again"))?.digest, image.digest);
      await deleteManifest(at("manifests"), "again");
      assert.equal(await headManifest(at("manifests"), "again"), undefined);
      assert.ok(await headManifest(at("manifests"), image.digest));
      await deleteManifest(at("manifests"), index.digest);
      assert.equal(await headManifest(at("manifests"), index.digest), undefined);
      assert.equal(await headManifest(at("manifests"), "index"), undefined);
      await deleteManifest(at("manifests"), index.digest); // what is not there is deleted already
      assert.equal(await getManifest(at("manifests"), `sha256:${"0".repeat(64)}`), undefined);
    });

    it("lists tags over all pages", async () => {
      const pusher = new Pusher(registry.host, "tags");
      const tags = Array.from({ length: 2_100 }, (_, index) => `v${index}`);
      const { digest } = await pusher.image({ tags: tags.slice(0, 1) });
      const manifest = (await getManifest(at("tags"), digest))!;
      for (let done = 1; done < tags.length; done += 100) {
        await Promise.all(tags.slice(done, done + 100).map((tag) => putManifest(at("tags"), manifest, tag)));
      }
      const all = await listTags(at("tags"));
      assert.deepEqual([...all.tags].sort(), tags.sort());
      assert.deepEqual([all.truncated, all.manifests], [false, undefined]);
      const some = await listTags(at("tags"), 1);
      assert.deepEqual([some.tags.length, some.truncated], [1_000, true]);
      assert.deepEqual((await listTags(at("nothing"))).tags, []);
    });

    it("lists the referrers of a digest, and maintains the list if the registry does not", async () => {
      const pusher = new Pusher(registry.host, "referrers");
      const subject = await pusher.image();
      assert.deepEqual(await listReferrers(at("referrers"), subject.digest), []);
      const attached: string[] = [];
      for (let index = 0; index < 3; index++) {
        const { digest } = await pusher.image({ subject });
        const manifest = (await getManifest(at("referrers"), digest))!;
        const { subjectKnown } = await putManifest(at("referrers"), manifest);
        assert.equal(subjectKnown, kind === "olareg");
        if (!subjectKnown) await enterReferrers(at("referrers"), subject.digest, [manifest]);
        attached.push(digest);
      }
      assert.deepEqual((await listReferrers(at("referrers"), subject.digest)).sort(), attached.sort());
    });

    it("keeps its connections, also over HEAD requests", async () => {
      let sockets = 0;
      const relay = createServer((socket) => {
        sockets++;
        const [host, port] = registry.host.split(":") as [string, string];
        const upstream = connect(Number(port), host);
        for (const each of [socket, upstream]) each.on("error", () => each.destroy());
        socket.once("close", () => upstream.destroy());
        socket.pipe(upstream).pipe(socket);
      });
      const { host: relayed } = await listenOnLoopback(relay);
      const remote = { ...at("a/layers"), repository: repositoryAt(`${relayed}/a/layers`) };
      for (let index = 0; index < 20; index++) await hasBlob(remote, { digest: digestOf(randomBytes(4)) });
      assert.ok(sockets <= 2, `${sockets} connections for 20 requests`);
    });
  });
}
