/** Buckets that are image mirrors, on versitygw and fake-gcs-server: the engine writes, inventories, repairs and removes them as it does registries. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
} from "@aws-sdk/client-s3";
import { after, before, beforeEach, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, ImageMirror, ImagesRequest, Previous } from "../../../components/promotion/run/request.ts";
import { storeAddress } from "../../../components/promotion/run/store-address.ts";
import { layerKey, manifestKey, referrersKey, tagsKey } from "../../../redirector/object-paths.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { type Pushed, Pusher, sha256, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { s3Keys } from "../../support/s3-keys.ts";
import { keySigning } from "../../support/signing.ts";
import { testKeyPair } from "../../support/sigstore.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

describe("image mirrors in object stores", () => {
  let stores: ObjectStores;
  let registry: TestRegistry;
  const promotion = imagePromotion();
  before(async () => {
    [stores, registry] = await Promise.all([startObjectStores(), startRegistry("olareg")]);
    await stores.makeBucket("gcs", "store-gcs");
  });
  after(async () => {
    await promotion.close();
    await Promise.all([stores.stop(), registry.remove()]);
  });

  const inRegistry = (name: string): ImageMirror => ({ name, repository: `${registry.host}/${name}` });
  let bucket = "";
  let s3: ImageMirror;
  beforeEach(async () => {
    bucket = `store-${randomBytes(4).toString("hex")}`;
    await stores.makeBucket("s3", bucket, { versioned: true });
    s3 = { name: "s3", repository: storeAddress({ kind: "s3", bucket, region: "us-east-1" }) };
  });
  const gcs: ImageMirror = { name: "gcs", repository: storeAddress({ kind: "gcs", bucket: "store-gcs", region: "" }) };

  const requestOf = (project: string, images: string, mirrors: readonly ImageMirror[]): ImagesRequest => ({
    project,
    images,
    prefix: project,
    staging: `${registry.host}/staging/${project}`,
    mirrors,
    layerMirrors: [],
    mutableTags: [],
    removalShare: 1,
    storage: stores.settings,
  });

  async function promote(request: ImagesRequest, previous?: Previous<ImagesRequest>): Promise<void> {
    const outcome = await promotion.promote(request, previous, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
  }

  async function isWhole(request: ImagesRequest): Promise<void> {
    const { incomplete, failures } = await promotion.takeInventory(request, context);
    assert.deepEqual([failures, incomplete], [[], {}]);
  }

  const keys = (prefix: string) => s3Keys(stores.s3Client, bucket, prefix);

  async function object(key: string): Promise<{ text: string; type: string | undefined; cache: string | undefined }> {
    const got = await stores.s3Client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return { text: await got.Body!.transformToString(), type: got.ContentType, cache: got.CacheControl };
  }

  const document = async (key: string): Promise<unknown> => JSON.parse((await object(key)).text);
  const remove = (Key: string) => stores.s3Client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));

  /** An index of two platforms with a signature by tag and an SBOM as a referrer, in staging. */
  async function signedIndex(project: string, image = "app") {
    const at = new Pusher(registry.host, `staging/${project}/${image}`);
    const children = [await at.image(), await at.image()];
    const index = await at.index(children);
    const sbom = await at.image({ subject: index });
    const signature = await at.signature(index);
    return { index, children, sbom, signature };
  }

  const digests = (...all: Pushed[]) => all.map(({ digest }) => digest).sort();

  it("hold what a registry holds, laid out for clients, and nothing when all is removed", async () => {
    const { index, children, sbom, signature } = await signedIndex("whole");
    const request = requestOf("whole", `app:v1 ${index.digest}\napp:v1.0 ${index.digest}\n`, [
      inRegistry("mirror"),
      s3,
      gcs,
    ]);
    await promote(request);
    await isWhole(request);

    const tagged = await object(manifestKey("whole/app", "v1"));
    assert.deepEqual([tagged.type, tagged.cache], [index.mediaType, "public, max-age=60"]);
    const byDigest = await object(manifestKey("whole/app", index.digest));
    assert.deepEqual(byDigest, { ...tagged, cache: "public, max-age=31536000, immutable" });
    const signed = `${index.digest.replace(":", "-")}.sig`;
    assert.deepEqual(await document(tagsKey("whole/app")), { name: "whole/app", tags: [signed, "v1", "v1.0"] });
    const { manifests } = (await document(referrersKey("whole/app", index.digest))) as { manifests: Pushed[] };
    assert.deepEqual(digests(...manifests), [sbom.digest]);
    for (const { digest } of [...children, signature, sbom]) await object(manifestKey("whole/app", digest));
    assert.ok((await stores.served("store-gcs", tagsKey("whole/app")))?.bytes.includes("v1.0"));

    const again = await promotion.promote(request, undefined, context);
    assert.match(again.summary, /nothing/i);

    const { failures, incomplete } = await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual([failures, incomplete], [[], {}]);
    assert.deepEqual(await keys("containers/"), []);
  });

  it("hold the proofs that a promotion signs, with their blobs", async () => {
    const at = new Pusher(registry.host, "staging/proven/app");
    const image = await at.image();
    const key = join(stores.folder, "promotions.pem");
    await writeFile(key, testKeyPair().privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeFile(join(stores.folder, "project.yaml"), "description: A tool.\n");
    const request = {
      ...requestOf("proven", `app:v1 ${image.digest}\n`, [s3]),
      signing: keySigning({ key, policyFile: join(stores.folder, "project.yaml") }),
    };
    await promote(request);
    await isWhole(request);
    const { manifests } = (await document(referrersKey("proven/app", image.digest))) as { manifests: Pushed[] };
    assert.equal(manifests.length, 2, "a verification summary and a record");
    for (const { digest } of manifests) {
      const { layers } = (await document(manifestKey("proven/app", digest))) as { layers: Pushed[] };
      for (const layer of layers)
        assert.equal(sha256(Buffer.from((await object(layerKey(layer.digest))).text)), layer.digest);
    }
    await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual(await keys("containers/"), []);
  });

  it("an inventory finds what is lost or wrong, and the next run repairs it", async () => {
    const { index, children, sbom, signature } = await signedIndex("repair");
    const request = requestOf("repair", `app:v1 ${index.digest}\n`, [inRegistry("mirror"), s3]);
    await promote(request);
    const { layers } = (await document(manifestKey("repair/app", children[0]!.digest))) as { layers: Pushed[] };
    const incomplete = { s3: `~ app@${index.digest}\n` };
    const losses: [what: string, key: string, found: object][] = [
      ["a layer", layerKey(layers[0]!.digest), incomplete],
      ["a platform's manifest", manifestKey("repair/app", children[1]!.digest), incomplete],
      ["a referrer", manifestKey("repair/app", sbom.digest), incomplete],
      ["a signature", manifestKey("repair/app", signature.digest), incomplete],
      ["the list of tags", tagsKey("repair/app"), incomplete],
      ["the list of referrers", referrersKey("repair/app", index.digest), incomplete],
      [
        "a tag",
        manifestKey("repair/app", "v1"),
        { s3: `+ app:v1 ${index.digest}\n- app@${index.digest}\n~ app@${index.digest}\n` },
      ],
    ];
    for (const [what, key, found] of losses) {
      const before = await object(key).catch(() => assert.fail(`${what} is not there`));
      await remove(key);
      const inventory = await promotion.takeInventory(request, context);
      assert.deepEqual([inventory.failures, inventory.incomplete], [[], found], what);
      await promote(request, { request, incomplete: inventory.incomplete });
      assert.deepEqual(await object(key).catch((error: unknown) => String(error)), before, what);
      await isWhole(request);
    }
    await stores.s3Client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: tagsKey("repair/app"),
        Body: '{"name":"repair/app","tags":["v1","v9"]}',
      }),
    );
    const { incomplete: stale } = await promotion.takeInventory(request, context);
    assert.deepEqual(stale, incomplete, "a list that names what is not there");
    await promote(request, { request, incomplete: stale });
    await isWhole(request);
    await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual(await keys("containers/"), []);
  });

  it("the Google project is lost: a new registry is filled from the bucket alone, and nobody pushes again", async () => {
    const lost = await startRegistry("olareg");
    const staging = await startRegistry("olareg");
    const at = new Pusher(staging.host, "staging/drill/app");
    const plain = await at.image();
    const index = await at.index([await at.image(), await at.image()]);
    const sbom = await at.image({ subject: index });
    await at.signature(index);
    const before = {
      ...requestOf(
        "drill",
        `app:v1 ${index.digest}\napp:v2 ${plain.digest}\napp@${plain.digest}\n`.replace(/app@.*\n/, ""),
        [{ name: "images-us-central1", repository: `${lost.host}/images` }, s3],
      ),
      staging: `${staging.host}/staging/drill`,
    };
    await promote(before);
    await Promise.all([lost.remove(), staging.remove()]);

    const request = {
      ...before,
      mirrors: [{ name: "images-us-central1", repository: `${registry.host}/refilled` }, s3],
      staging: "",
    };
    await promote(request, { request: before, incomplete: {} });
    await isWhole(request);
    const base = `http://${registry.host}/v2/refilled/drill/app`;
    const listed = (await (await fetch(`${base}/tags/list`)).json()) as { tags: string[] };
    assert.deepEqual(listed.tags.sort(), [`${index.digest.replace(":", "-")}.sig`, "v1", "v2"]);
    const referrers = (await (await fetch(`${base}/referrers/${index.digest}`)).json()) as { manifests: Pushed[] };
    assert.deepEqual(digests(...referrers.manifests), [sbom.digest]);
    await promotion.remove({ request, incomplete: {} }, context);
  });

  it("a store with an endpoint and keys of its own takes small and large layers, and says which keys are missing", async () => {
    const at = new Pusher(registry.host, "staging/own/app");
    const image = await at.image({ layers: [randomBytes(1_000), randomBytes(20 * 1024 * 1024)] });
    const own = { kind: "s3", bucket, region: "us-east-1", endpoint: stores.s3, keys: "OWN_STORE" } as const;
    const mirror: ImageMirror = { name: "own", repository: storeAddress(own) };
    const request = {
      ...requestOf("own", `app:v1 ${image.digest}\n`, [inRegistry("mirror"), mirror]),
      storage: {}, // the clouds' endpoints are not those of this store
    };
    const { failures } = await promotion.promote(request, undefined, context);
    assert.match(failures.join("\n"), /own: .*no keys: set OWN_STORE_ACCESS_KEY_ID and OWN_STORE_SECRET_ACCESS_KEY/);
    Object.assign(process.env, { OWN_STORE_ACCESS_KEY_ID: "testkey", OWN_STORE_SECRET_ACCESS_KEY: "testsecret" });
    await promote(request);
    await isWhole(request);
    await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual(await keys("containers/"), []);
  });

  it("a bucket with a lock is written and emptied as any other, and keeps every version: who writes it cannot destroy it", async () => {
    const [locked, at] = [`locked-${randomBytes(4).toString("hex")}`, new Pusher(registry.host, "staging/locked/app")];
    await stores.s3Client.send(new CreateBucketCommand({ Bucket: locked, ObjectLockEnabledForBucket: true }));
    const Rule = { DefaultRetention: { Mode: "COMPLIANCE", Days: 30 } } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled", Rule } as const;
    await stores.s3Client.send(new PutObjectLockConfigurationCommand({ Bucket: locked, ObjectLockConfiguration }));
    const of = (bucket: string, lock: number): ImageMirror => ({
      name: "s3",
      repository: storeAddress({ kind: "s3", bucket, region: "us-east-1", lock }),
    });
    const mirror = of(locked, 30);
    const [first, second] = [await at.image(), await at.image()];
    for (const [wrong, message] of [
      [of(bucket, 30), /asks for a lock of 30 days, but it has none: set S3 Object Lock/],
      [of(locked, 31), /asks for a lock of 31 days, but it locks for 30: /],
    ] as const) {
      const asked = requestOf("locked", `app:v1 ${first.digest}\n`, [wrong]);
      const { failures } = await promotion.promote(asked, undefined, context);
      assert.match(failures.join("\n"), message);
      const { failures: unread } = await promotion.takeInventory(asked, context);
      assert.match(unread.join("\n"), message, "drift");
    }
    assert.equal((await stores.s3Client.send(new ListObjectVersionsCommand({ Bucket: locked }))).Versions, undefined);
    const before = { ...requestOf("locked", `app:v1 ${first.digest}\n`, [mirror]), mutableTags: ["v1"] };
    await promote(before);
    const request = { ...before, images: `app:v1 ${second.digest}\n` };
    await promote(request, { request: before, incomplete: {} });
    await isWhole(request);
    await promotion.remove({ request, incomplete: {} }, context);

    const versions = await stores.s3Client.send(
      new ListObjectVersionsCommand({ Bucket: locked, Prefix: "containers/" }),
    );
    const kept = (key: string) => versions.Versions?.filter(({ Key }) => Key === key) ?? [];
    for (const { digest } of [first, second]) assert.equal(kept(manifestKey("locked/app", digest)).length, 1, digest);
    const tags = kept(manifestKey("locked/app", "v1"));
    assert.equal(tags.length, 2, "of the tag, what it was and what it became");
    const { Key, VersionId } = tags[0]!;
    const destroy = new DeleteObjectCommand({ Bucket: locked, Key, VersionId });
    await assert.rejects(stores.s3Client.send(destroy), /AccessDenied|Locked|protected/i);
  });

  it("two projects with a common layer, one coming and one going, and the layer stays", async () => {
    const layers = [randomBytes(1_000), randomBytes(2_000)];
    const push = (project: string) => new Pusher(registry.host, `staging/${project}/app`).image({ layers });
    const [going, coming] = [await push("going"), await push("coming")];
    const before = requestOf("going", `app:v1 ${going.digest}\n`, [s3]);
    await promote(before);
    const request = requestOf("coming", `app:v1 ${coming.digest}\n`, [s3]);
    const [removed] = await Promise.all([
      promotion.remove({ request: before, incomplete: {} }, context),
      promote(request),
    ]);
    assert.deepEqual([removed.failures, removed.incomplete], [[], {}]);
    await isWhole(request);
    assert.equal((await keys("containers/images/")).length, 3);
    assert.deepEqual(await keys("containers/registry/going/"), []);
    await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual(await keys("containers/"), []);
  });

  it("a hundred tags that are written at once are all listed; a name of 255 and tags may have every legal character", async () => {
    // Together with the prefix as long as a registry's name may be (Docker: 255 characters).
    const deep = `${"a".repeat(60)}/b__c/d--e/${"f.g".repeat(30)}/${"0".repeat(88)}`;
    assert.equal(`many/${deep}`.length, 255);
    const at = new Pusher(registry.host, `s/${deep}`);
    const image = await at.image();
    const every = "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    const more = Array.from({ length: 100 }, (_, n) => `v${n}`);
    const tags = ["_", every, "A.b-C_9", "sha256-x", `t${"x".repeat(127)}`, ...more];
    const request = {
      ...requestOf("many", tags.map((tag) => `${deep}:${tag} ${image.digest}\n`).join(""), [s3]),
      staging: `${registry.host}/s`,
    };
    await promote(request);
    assert.deepEqual(((await document(tagsKey(`many/${deep}`))) as { tags: string[] }).tags, tags.sort());
    const fewer = { ...request, images: `${deep}:v1 ${image.digest}\n` };
    await promote(fewer, { request, incomplete: {} });
    assert.deepEqual(((await document(tagsKey(`many/${deep}`))) as { tags: string[] }).tags, ["v1"]);
    await isWhole(fewer);
    await promotion.remove({ request: fewer, incomplete: {} }, context);
    assert.deepEqual(await keys("containers/"), []);
  });
});
