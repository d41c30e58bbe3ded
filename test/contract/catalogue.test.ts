/** The catalogue's writer with real servers: an image registry, Cloud Storage and S3. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { Agent } from "undici";
import { readDocument } from "../../components/catalogue/formats.ts";
import { packListing } from "../../components/catalogue/listing.ts";
import type { Properties } from "../../components/plugin/properties.ts";
import { type CatalogueWriter, catalogueWriter } from "../../components/promotion/catalogue/catalogue-writer.ts";
import type { EntryRequest } from "../../components/promotion/catalogue/request.ts";
import { catalogueEntryType, catalogueProvider } from "../../components/promotion/provider/catalogue-provider.ts";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import type { DemoProject } from "../../local/seed/demo-project.ts";
import { pushImage } from "../../local/seed/push-image.ts";
import { demoPublicKey } from "../../local/seed/signature.ts";
import { PresenceDocuments } from "../../redirector/mirrors/presence-documents.ts";
import { PublishedObjects } from "../../redirector/mirrors/published-objects.ts";
import { catalogueLines } from "../support/catalogue-lines.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";
import { keySigning } from "../support/signing.ts";
import { pemOf, testKeyPair, testSigstore } from "../support/sigstore.ts";

describe("the catalogue's writer", () => {
  const controller = new AbortController();
  const requests: string[] = [];
  let stores: ObjectStores;
  let registry: TestRegistry;
  let artifacts: DemoArtifacts;
  let writer: CatalogueWriter;
  const dispatcher = new Agent();

  before(async () => {
    [stores, registry, artifacts] = await Promise.all([startObjectStores(), startRegistry("olareg"), makeArtifacts()]);
    await stores.makeBucket("gcs", "canonical", { versioned: true });
    await stores.makeBucket("gcs", "second");
    await stores.makeBucket("s3", "third", { versioned: true });
    for (const { name, images, files } of artifacts.projects) {
      for (const image of images) await pushImage(dispatcher, image, `${registry.host}/images/${name}`, () => {});
      for (const { path, bytes } of files) await stores.stage("canonical", `binaries/${name}/${path}`, bytes);
    }
    writer = newWriter();
  });
  after(async () => {
    await writer?.close();
    await dispatcher.close();
    await Promise.all([stores?.stop(), registry?.remove()]);
  });

  /** A new writer, like the next run's process: its only state is in the mirrors. */
  function newWriter(): CatalogueWriter {
    return catalogueWriter(controller.signal, {
      onRequest: (method, url) => requests.push(`${method} ${new URL(url).pathname}`),
      rules: { probes: [20, 50], resting: 50 },
    });
  }

  async function anotherRun(): Promise<void> {
    await writer.close();
    writer = newWriter();
    requests.length = 0;
  }

  const project = (name: string): DemoProject =>
    artifacts.projects.find((one) => one.name === name) ?? assert.fail(name);

  function requestFor(name: string, changes: Partial<EntryRequest> = {}): EntryRequest {
    const { images, files } = project(name);
    return {
      project: name,
      description: `The project ${name}`,
      contact: "",
      imagePrefix: name,
      filePrefix: name,
      images: images
        .flatMap((image) =>
          image.releases.flatMap(({ digest, tags }) => tags.map((tag) => `${image.name}:${tag} ${digest}\n`)),
        )
        .sort()
        .join(""),
      files: files
        .map(({ path, sha256 }) => `${path} sha256:${sha256}\n`)
        .sort()
        .join(""),
      host: "artifacts.example.org",
      registry: `${registry.host}/images`,
      mirrors: [
        { name: "files-us", kind: "gcs", bucket: "canonical", region: "us-central1" },
        { name: "files-eu", kind: "gcs", bucket: "second", region: "europe-west1" },
        { name: "files-aws", kind: "s3", bucket: "third", region: "us-east-1" },
      ],
      heldBy: ["images-us", "files-us"],
      storage: stores.settings,
      ...changes,
    };
  }

  const publish = (request: EntryRequest) => writer.publish(request, new Set(), () => {});
  const stored = async (key: string, bucket = "canonical") => (await stores.served(bucket, key))?.bytes;
  const index = async (bucket = "canonical") =>
    readDocument("index", String((await stored("catalog/index.json", bucket)) ?? "")) ?? assert.fail("no index");
  const entry = async (name: string) =>
    readDocument("project", String((await stored(`catalog/projects/${name}.json`)) ?? "")) ??
    assert.fail("no document");

  it("describes images and files and writes every mirror", async () => {
    const results = await Promise.all(["dotslash", "semver"].map((name) => publish(requestFor(name))));
    for (const { failures, incomplete } of results) assert.deepEqual([failures, incomplete], [[], []]);
    assert.deepEqual(
      (await index()).projects.map(({ name }) => name),
      ["dotslash", "semver"],
    );

    const { images, releases } = await entry("dotslash");
    const details = readDocument("image", String(await stored(images[0]!.details)))!;
    const [newest] = details.versions;
    const release = project("dotslash").images[0]!.releases.find(({ digest }) => digest === newest?.digest);
    assert.deepEqual(newest?.tags, release?.tags);
    assert.deepEqual(
      newest?.platforms.map(({ platform }) => platform),
      ["linux/amd64", "linux/arm64"],
    );
    assert.ok(newest!.platforms.every(({ bytes }) => bytes > 100_000));
    assert.deepEqual(newest?.signatures, [{ attached: "tag", format: "cosign", logged: false }]);
    assert.deepEqual(
      newest?.sboms.map(({ of, attached, format }) => [of, attached, format]).sort(),
      newest!.platforms.map(({ digest }) => [digest, "referrer", "application/spdx+json"]).sort(),
    );
    assert.equal(releases.length, 1);
    const files = readDocument("release", String(await stored(releases[0]!.details)))!.files;
    for (const { path, bytes, sha256 } of project("dotslash").files) {
      assert.deepEqual(
        files.find((file) => file.path === `binaries/dotslash/${path}`),
        {
          path: `binaries/dotslash/${path}`,
          sha256,
          bytes: bytes.length,
        },
      );
    }

    const listing = (await catalogueLines(stored)).join("\n");
    for (const { digest } of project("semver").images[0]!.releases)
      assert.match(listing, new RegExp(`image\tsemver\tsemver/semver\t${digest}`));
    const own = newest!.platforms.map(({ digest }) => digest.slice("sha256:".length, "sha256:".length + 16));
    const line = ["platforms", "dotslash", "dotslash/dotslash", newest!.digest.slice(7, 7 + 16), ...own].join("\t");
    const lines = await catalogueLines(stored, "platforms");
    assert.ok(lines.includes(line), `${line} is not among\n${lines.join("\n")}`);
    for (const key of [
      "catalog/index.json",
      "catalog/listing.json",
      "catalog/projects/semver.json",
      images[0]!.details,
    ])
      assert.deepEqual(await stored(key, "second"), await stored(key), key);
    const aws = await writer.check(requestFor("dotslash"), results[0]!.document);
    assert.deepEqual(aws, { incomplete: [], failures: [] });
  });

  /** What a redirector knows that reads the documents from the store itself. */
  async function readByRedirector(bucket = "canonical") {
    const known = new PublishedObjects();
    const settings = { read: true, intervalSeconds: 1, timeoutSeconds: 10, objects: 100_000 };
    const source = `${stores.gcs}/${bucket}`;
    assert.equal(await new PresenceDocuments(settings, () => [source], known).refresh(), "changed");
    return (kind: "manifest" | "blob" | "file", path: string, asked = "images-us") =>
      known.presence({ asked, url: path, route: { kind, path } });
  }

  it("a redirector that reads it knows every tag, digest, layer, attachment and file of production", async () => {
    const knows = await readByRedirector();
    const name = "dotslash/dotslash";
    const seen = new Set<string>();
    const visit = async (reference: string): Promise<void> => {
      if (seen.has(reference)) return;
      seen.add(reference);
      assert.equal(knows("manifest", `/${name}/manifests/${reference}`), "present", reference);
      const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
      const url = `http://${registry.host}/v2/images/${name}/manifests/${reference}`;
      const manifest = (await (await fetch(url, { headers: { accept } })).json()) as {
        manifests?: { digest: string }[];
        config?: { digest: string };
        layers?: { digest: string }[];
      };
      for (const { digest } of manifest.manifests ?? []) await visit(digest);
      for (const { digest } of [...(manifest.config ? [manifest.config] : []), ...(manifest.layers ?? [])])
        assert.equal(knows("blob", `/${name}/blobs/${digest}`), "present", digest);
      if (!reference.startsWith("sha256:")) return;
      const attached = `http://${registry.host}/v2/images/${name}/referrers/${reference}`;
      const referrers = (await (await fetch(attached)).json()) as { manifests?: { digest: string }[] };
      for (const { digest } of referrers.manifests ?? []) await visit(digest);
    };
    const list = await fetch(`http://${registry.host}/v2/images/${name}/tags/list`);
    const { tags } = (await list.json()) as { tags: string[] };
    assert.ok(tags.some((tag) => tag.endsWith(".sig")));
    for (const reference of [...tags, ...project("dotslash").images[0]!.releases.map(({ digest }) => digest)])
      await visit(reference);
    assert.ok(seen.size > 8, "an index, its platforms and what is attached to them");
    for (const { path } of project("dotslash").files)
      assert.equal(knows("file", `/binaries/dotslash/${encodeURI(path)}`, "files-us"), "present", path);
    assert.equal(knows("manifest", `/${name}/manifests/${tags[0]}`, "images-new"), "absent", "of a mirror without it");
    assert.equal(knows("manifest", `/${name}/manifests/new`), undefined);
    assert.equal((await stores.served("canonical", "catalog/presence.json"))?.headers.get("cache-control"), "no-cache");
  });

  it("caches mutable documents for a minute and immutable ones for ever", async () => {
    const cache = async (key: string) => (await stores.served("canonical", key))?.headers.get("cache-control");
    assert.equal(await cache("catalog/index.json"), "public, max-age=60");
    assert.equal(await cache("catalog/projects/semver.json"), "public, max-age=60");
    assert.match((await cache((await entry("semver")).images[0]!.details)) ?? "", /immutable/);
  });

  it("says what was promoted lately, in every mirror and as a feed; a project once in a run", async () => {
    for (const bucket of ["canonical", "second"]) {
      const recent = readDocument("recent", String(await stored("catalog/recent.json", bucket)));
      const promoted = new Map(recent?.promotions.map((one) => [one.project, one.counts]));
      assert.deepEqual([...promoted.keys()].sort(), ["dotslash", "semver"], bucket);
      assert.ok(promoted.get("dotslash")!.added > 0 && promoted.get("dotslash")!.changed === 0);
      const feed = await stores.served(bucket, "catalog/recent.atom");
      assert.equal(feed?.headers.get("content-type"), "application/atom+xml");
      assert.match(String(feed.bytes), /<title>dotslash: \d+ added<\/title>/);
    }
    const request = requestFor("dotslash");
    const [first = "", ...rest] = request.images.split(/(?<=\n)/);
    const before = readDocument("recent", String(await stored("catalog/recent.json")))!;
    await anotherRun();
    const unlisting = { project: "dotslash", kind: "images", lines: rest.join(""), prefix: "dotslash" } as const;
    await writer.unlist({ ...unlisting, mirrors: request.mirrors, storage: request.storage });
    const [unlisted] = readDocument("recent", String(await stored("catalog/recent.json")))?.promotions ?? [];
    assert.deepEqual([unlisted?.project, unlisted?.removed], ["dotslash", [`dotslash/${first.split(" ")[0]}`]]);
    await publish(request);
    assert.deepEqual(readDocument("recent", String(await stored("catalog/recent.json"))), before, "nothing came of it");
  });

  it("a project that leaves a mirror is unlisted there for redirectors, and nothing else of it", async () => {
    await anotherRun();
    const request = requestFor("dotslash");
    await publish(request);
    const holders = async () => {
      const text = String(await stored("catalog/presence.json", "second"));
      return (JSON.parse(text) as { projects: Record<string, { mirrors: string[] }> }).projects["dotslash"]?.mirrors;
    };
    assert.deepEqual(await holders(), request.heldBy);
    const before = await entry("dotslash");
    const { project: of, mirrors, storage, images: lines } = request;
    const left = { project: of, mirrors, storage, kind: "images", lines, prefix: "dotslash" } as const;
    assert.deepEqual(await writer.unlist({ ...left, notIn: ["images-us", "images-asia"] }), []);
    assert.deepEqual(await holders(), ["files-us"]);
    assert.deepEqual(await entry("dotslash"), before);
    await publish(request);
    assert.deepEqual(await holders(), request.heldBy);
  });

  it("the next run asks the registry only about new digests", async () => {
    await anotherRun();
    const request = requestFor("dotslash");
    const [first = ""] = request.images.split("\n");
    await publish({ ...request, images: `${first}\n` });
    assert.equal(requests.length, 0);
    assert.equal((await index()).projects.find(({ name }) => name === "dotslash")?.images[0]?.digests, 1);
    const { details } = (await entry("dotslash")).images[0]!;
    await anotherRun();
    await publish(request);
    const digests = project("dotslash").images[0]!.releases.map(({ digest }) => digest);
    const known = first.split(" ")[1]!;
    assert.ok(digests.length > 1);
    assert.equal(
      requests.some((one) => one.includes(known)),
      false,
      "what was known",
    );
    assert.equal(
      requests.some((one) => one.includes(digests.find((one) => one !== known)!)),
      true,
    );
    assert.equal(await stored(details), undefined, "the replaced document is gone");
    await anotherRun();
    await writer.publish(request, "all", () => {});
    assert.equal(
      requests.some((one) => one.includes(known)),
      true,
      "all of it anew, when asked to",
    );
  });

  it("withdrawn items and the staging area are in the project's document, and stay when something is unlisted", async () => {
    await anotherRun();
    const request = requestFor("semver");
    const name = `tool@sha256:${"e".repeat(64)}`;
    await publish({
      ...request,
      withdrawnImages: `${name} leaks a token (CVE-2026-12345)\n`,
      withdrawnFiles: "v0/x broken\n",
      stagingRepository: "registry/staging-semver",
      stagingBucket: "",
      source: "https://github.com/example/artifacts",
    });
    const staging = { images: "registry/staging-semver", source: "https://github.com/example/artifacts" };
    const withdrawn = [
      { name: `${request.imagePrefix}/${name}`, reason: "leaks a token (CVE-2026-12345)" },
      { name: `binaries/${request.filePrefix}/v0/x`, reason: "broken" },
    ];
    assert.deepEqual((await entry("semver")).withdrawn, withdrawn);
    const { project: of, mirrors, storage, imagePrefix } = request;
    await writer.unlist({ project: of, mirrors, storage, kind: "images", lines: "", prefix: imagePrefix });
    assert.deepEqual((await entry("semver")).withdrawn, withdrawn);
    assert.deepEqual((await entry("semver")).staging, staging);
    await publish(request);
    assert.equal((await entry("semver")).withdrawn, undefined);
  });

  it("says verified only of what satisfies the policy, and by which; another policy is asked again, and without one nothing is said", async () => {
    const trust = (key: string): NonNullable<EntryRequest["trust"]> => ({
      mode: "warn",
      signers: [{ key }],
      predicates: [],
      trustedRoot: "",
    });
    const policy = "https://github.com/example/artifacts/blob/HEAD/manifests/semver/project.yaml";
    const listed = async (changes: Partial<EntryRequest>, failing?: RegExp) => {
      await anotherRun();
      const { failures } = await publish(requestFor("semver", changes));
      if (failing === undefined) assert.deepEqual(failures, []);
      else assert.match(failures.join("\n"), failing);
      const { images } = await entry("semver");
      const details = await Promise.all(
        images.map(async (each) => readDocument("image", String(await stored(each.details)))!),
      );
      return details.flatMap(({ versions }) => versions);
    };
    const good = await listed({ trust: trust(demoPublicKey()), policy });
    for (const { signatures, verification } of good) {
      const isSigned = signatures.length > 0;
      assert.deepEqual(
        [verification?.policy, verification?.isSatisfied, verification?.signers],
        [policy, isSigned, isSigned ? ["a trusted key"] : []],
      );
    }
    assert.ok(good.some(({ verification }) => verification?.isSatisfied));
    const same = await listed({ trust: trust(demoPublicKey()), policy });
    assert.deepEqual(
      [same, requests.filter((each) => each.includes("/manifests/"))],
      [good, []],
      "nothing is asked again",
    );
    const unreadable = { ...trust(demoPublicKey()), trustedRoot: "/no/such/root.json" };
    const unknown = await listed({ trust: unreadable, policy }, /trustedRoot: \/no\/such\/root\.json/);
    assert.deepEqual(
      unknown.map(({ digest, verification }) => [digest, verification]),
      good.map(({ digest }) => [digest, undefined]),
      "listed, but nothing is said of what cannot be verified",
    );
    const other = await listed({ trust: trust(pemOf(testKeyPair())), policy });
    assert.deepEqual(
      other.map(({ verification }) => [verification?.isSatisfied, verification?.signers]),
      other.map(() => [false, []]),
    );
    const none = await listed({});
    assert.deepEqual(
      none.map(({ verification }) => verification),
      none.map(() => undefined),
    );
  });

  it("what is signed after the promotion is listed and verified in the run that brings it, and users read whose proofs to verify", async () => {
    const key = testKeyPair();
    const image = await new Pusher(registry.host, "images/late/app").image({ tags: ["v1"] });
    const { project: _, images: _images, files: _files, heldBy: _heldBy, mirrors, ...about } = requestFor("semver");
    const news = {
      ...about,
      project: "late",
      imagePrefix: "late",
      images: `app:v1 ${image.digest}\n`,
      files: "",
      summary: "",
      mirrors,
      trust: { mode: "warn", signers: [{ key: pemOf(key) }], predicates: [], trustedRoot: "" },
      policy: "https://example.org/project.yaml",
      signing: {
        ...keySigning({ key: "", policyFile: "" }),
        by: "keyless",
        identity: "https://x.example",
        issuer: "https://y.example",
      },
    } as Properties;
    const nothing = () => Promise.resolve();
    const of = { urn: "", type: catalogueEntryType, name: "late" };
    const run = async (previous?: { inputs: Properties; outputs: Properties }, copied?: ReadonlySet<string>) => {
      const provider = catalogueProvider({ status: nothing, lasting: nothing });
      const { inputs, failures = [] } = await provider.check!({ ...of, olds: previous?.inputs ?? {}, news });
      assert.deepEqual(failures, []);
      if (copied) provider.promoted("late", copied);
      if (previous === undefined) return { inputs, ...(await provider.create({ ...of, inputs, preview: false })) };
      const { inputs: oldInputs, outputs: olds } = previous;
      const { changed } = await provider.diff!({ ...of, id: "late", olds, oldInputs, news: inputs });
      assert.notDeepEqual(changed, []);
      const updated = await provider.update!({ ...of, id: "late", olds, oldInputs, inputs, preview: false });
      return { inputs, ...updated };
    };
    const listed = async () => {
      const { images, proof } = await entry("late");
      const [version] = readDocument("image", String(await stored(images[0]!.details)))!.versions;
      return { signatures: version?.signatures.length, isSatisfied: version?.verification?.isSatisfied, proof };
    };
    const first = await run();
    assert.deepEqual(await listed(), {
      signatures: 0,
      isSatisfied: false,
      proof: {
        verifier: "https://github.com/example/artifacts",
        host: "artifacts.example.org",
        identity: "https://x.example",
        issuer: "https://y.example",
        logged: false,
        privateRoots: false,
      },
    });
    const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    const at = new Pusher(registry.host, "images/late/app");
    const bundle = await at.blob(Buffer.from(await (await testSigstore()).bundle({ digest: image.digest, key })));
    await at.manifest({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: bundleType,
      config: { ...(await at.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
      layers: [{ ...bundle, mediaType: bundleType }],
      subject: image,
      annotations: { "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1" },
    });
    const same = await run({ ...first }, new Set());
    assert.equal((await listed()).isSatisfied, false, "of what no promotion has copied nothing is read again");
    await run(same, new Set([image.digest]));
    const { signatures, isSatisfied } = await listed();
    assert.deepEqual([signatures, isSatisfied], [1, true]);
    await anotherRun();
    assert.deepEqual((await writer.withdraw(requestFor("semver", { project: "late" }))).failures, []);
  });

  it("an unchanged entry is not written", async () => {
    await anotherRun();
    const generation = async () =>
      (await stores.served("canonical", "catalog/index.json"))?.headers.get("x-goog-generation");
    const before = await generation();
    const outcome = await publish(requestFor("semver"));
    assert.equal(await generation(), before);
    assert.equal(requests.length, 0);
    assert.match(outcome.summary, /nothing new to describe/);
  });

  it("reports and leaves out what is not in production", async () => {
    await anotherRun();
    const absent = `sha256:${"0".repeat(64)}`;
    const request = requestFor("semver");
    const outcome = await publish({
      ...request,
      images: `${request.images}semver:v9.9.9 ${absent}\n`,
      files: `v1/f ${absent}\n`,
    });
    assert.deepEqual(outcome.incomplete, ["files-us", "files-eu", "files-aws"]);
    assert.equal(outcome.failures.length, 2);
    assert.match(outcome.failures.join("\n"), /semver@sha256:0{64}.*\n.*file v1\/f is not in gs:\/\/canonical/);
    assert.doesNotMatch((await catalogueLines(stored)).join("\n"), /v9\.9\.9|v1\/f/);
    assert.deepEqual((await publish(request)).failures, []);
  });

  it("reports a failing mirror, writes the others, and completes it in the next run", async () => {
    await anotherRun();
    const request = requestFor("semver", { description: "Another" });
    const gone = { name: "files-gone", kind: "gcs", bucket: "gone", region: "asia-east1" } as const;
    const outcome = await publish({ ...request, mirrors: [...request.mirrors, gone] });
    assert.deepEqual(outcome.incomplete, ["files-gone"]);
    assert.equal(outcome.failures.length, 1);
    assert.match(outcome.failures[0]!, /^project semver, catalogue, mirror files-gone: .*gs:\/\/gone/);
    assert.equal((await index("second")).projects.find(({ name }) => name === "semver")?.description, "Another");
    await stores.makeBucket("gcs", "gone");
    await anotherRun();
    const again = await publish({ ...request, mirrors: [...request.mirrors, gone] });
    assert.deepEqual([again.incomplete, again.failures], [[], []]);
    assert.deepEqual(await stored("catalog/index.json", "gone"), await stored("catalog/index.json"));
  });

  it("unlists what is not wanted after a failed run; adds nothing, and keeps the other kind", async () => {
    await anotherRun();
    const request = requestFor("dotslash");
    await publish(request);
    const before = await entry("dotslash");
    const [kept = "", gone = ""] = request.images.split("\n");
    const unlisting = { project: "dotslash", prefix: "dotslash", mirrors: request.mirrors, storage: request.storage };
    const images = `${kept}\ndotslash:v9.9.9 sha256:${"0".repeat(64)}\n`;
    await anotherRun();
    assert.deepEqual(await writer.unlist({ ...unlisting, kind: "images", lines: images }), []);
    assert.equal(requests.length, 0, "the registry is not asked");
    const knows = await readByRedirector("second");
    const manifest = (line: string) => `/dotslash/dotslash/manifests/${line.split(" ")[1]}`;
    assert.deepEqual([knows("manifest", manifest(kept)), knows("manifest", manifest(gone))], ["present", undefined]);
    const after = await entry("dotslash");
    assert.deepEqual(after.releases, before.releases);
    const { versions } = readDocument("image", String(await stored(after.images[0]!.details, "second")))!;
    assert.deepEqual(
      versions.map(({ digest, tags }) => [digest, tags]),
      [[kept.split(" ")[1], [kept.slice(kept.indexOf(":") + 1, kept.indexOf(" "))]]],
    );
    assert.equal(await stored(before.images[0]!.details), undefined, "the replaced document is gone");
    for (const bucket of ["canonical", "second"]) {
      const listing = (await catalogueLines((key) => stored(key, bucket))).join("\n");
      assert.doesNotMatch(listing, /v9\.9\.9/);
      assert.equal(listing.includes(gone.split(" ")[1]!), false, bucket);
      assert.equal((await index(bucket)).projects.find(({ name }) => name === "dotslash")?.images[0]?.digests, 1);
    }

    // Both kinds at once: the old digest of a moved tag loses it, and no file is wanted.
    const moved = `${kept.replace(/^([^:]+):\S+/, "$1@").replace("@ ", "@")}\n`;
    const both = [
      writer.unlist({ ...unlisting, kind: "images", lines: moved }),
      writer.unlist({ ...unlisting, kind: "files", lines: "" }),
    ];
    assert.deepEqual((await Promise.all(both)).flat(), []);
    const { images: left, releases } = await entry("dotslash");
    assert.deepEqual(releases, []);
    assert.deepEqual(readDocument("image", String(await stored(left[0]!.details)))?.versions[0]?.tags, []);

    // The next successful run restores everything, byte for byte.
    await anotherRun();
    assert.deepEqual((await publish(request)).failures, []);
    assert.deepEqual(await entry("dotslash"), before);
    const generation = async () => (await stores.served("canonical", "catalog/index.json"))?.headers.get("etag");
    const etag = await generation();
    assert.deepEqual(await writer.unlist({ ...unlisting, kind: "images", lines: request.images }), []);
    assert.equal(await generation(), etag, "nothing to take out is no write");
    assert.deepEqual(await writer.unlist({ ...unlisting, project: "unknown", kind: "images", lines: "" }), []);
  });

  it("a refresh finds changes by others, and the next run repairs them", async () => {
    await anotherRun();
    const request = requestFor("semver");
    const { document } = await publish(request);
    const { details } = (await entry("semver")).images[0]!;
    await stores.stage("second", "catalog/index.json", "{}");
    const change = new PutObjectCommand({ Bucket: "third", Key: "catalog/projects/semver.json", Body: "{}" });
    await stores.s3Client.send(change);
    await anotherRun();
    assert.deepEqual(await writer.check(request, document), { incomplete: ["files-aws", "files-eu"], failures: [] });
    await publish(request);
    await anotherRun();
    assert.deepEqual(await writer.check(request, document), { incomplete: [], failures: [] });
    await stores.remove("second", details);
    await anotherRun();
    assert.deepEqual((await writer.check(request, document)).incomplete, ["files-eu"]);
    await publish(request);
  });

  const documentsIn = async (bucket: string): Promise<string[]> => {
    const address = `${stores.gcs}/storage/v1/b/${bucket}/o?prefix=catalog/`;
    const { items = [] } = (await (await fetch(address)).json()) as { items?: { name: string }[] };
    return items.map(({ name }) => name);
  };
  const documentsInThird = async (): Promise<string[]> => {
    const listed = await stores.s3Client.send(new ListObjectsV2Command({ Bucket: "third", Prefix: "catalog/" }));
    return (listed.Contents ?? []).map(({ Key = "" }) => Key);
  };

  for (const hasPlatforms of [true, false]) {
    it(`one that a version before wrote in one text, ${hasPlatforms ? "with" : "without"} platforms, is divided and loses nothing`, async () => {
      const { document } = await publish(requestFor("semver"));
      await publish(requestFor("dotslash"));
      const whole = await stored("catalog/listing.json");
      const [before, lines, platforms] = [
        await index(),
        await catalogueLines(stored),
        await catalogueLines(stored, "platforms"),
      ];
      const old = { "catalog/all.tsv.gz": lines, ...(hasPlatforms && { "catalog/platforms.tsv.gz": platforms }) };
      const parts = (keys: readonly string[]) => keys.filter((key) => /^catalog\/(listing|platforms)[/.]/.test(key));
      for (const bucket of ["canonical", "second"])
        for (const key of parts(await documentsIn(bucket))) await stores.remove(bucket, key);
      for (const Key of parts(await documentsInThird()))
        await stores.s3Client.send(new DeleteObjectCommand({ Bucket: "third", Key }));
      for (const [key, texts] of Object.entries(old)) {
        const bytes = packListing(texts.map((line) => `${line}\n`).join(""));
        for (const bucket of ["canonical", "second"]) await stores.stage(bucket, key, bytes);
        await stores.s3Client.send(new PutObjectCommand({ Bucket: "third", Key: key, Body: bytes }));
      }
      await anotherRun();
      const missing = { incomplete: ["files-aws", "files-eu", "files-us"], failures: [] };
      assert.deepEqual(await writer.check(requestFor("semver"), document), missing);
      for (const name of ["semver", "dotslash"]) assert.deepEqual((await publish(requestFor(name))).failures, []);
      assert.deepEqual((await index()).projects, before.projects);
      for (const bucket of ["canonical", "second"]) {
        assert.deepEqual(await stored("catalog/listing.json", bucket), whole, bucket);
        const inBucket = (key: string) => stored(key, bucket);
        assert.deepEqual(await catalogueLines(inBucket), lines, bucket);
        assert.deepEqual(await catalogueLines(inBucket, "platforms"), platforms, bucket);
      }
      const now = await documentsIn("canonical");
      for (const key of Object.keys(old)) assert.equal(now.includes(key), false, key);
      for (const keys of [await documentsIn("second"), await documentsInThird()]) assert.deepEqual(keys, now);
      await anotherRun();
      assert.deepEqual((await writer.check(requestFor("semver"), document)).incomplete, []);
    });
  }

  it("a part that a mirror lost is missed by a refresh and written again; one that all lost is made anew from the entries", async () => {
    const request = requestFor("semver");
    const { document } = await publish(request);
    const { listing } = JSON.parse(String(await stored("catalog/listing.json"))) as { listing: { part: string }[] };
    const [{ part }] = listing as [{ part: string }];
    const bytes = await stored(part);
    await stores.remove("second", part);
    await anotherRun();
    assert.deepEqual((await writer.check(request, document)).incomplete, ["files-eu"]);
    assert.deepEqual((await publish(request)).failures, []);
    assert.deepEqual(await stored(part, "second"), bytes);

    for (const bucket of ["canonical", "second"]) await stores.remove(bucket, part);
    await stores.s3Client.send(new PutObjectCommand({ Bucket: "third", Key: part, Body: "no gzip" }));
    await anotherRun();
    assert.deepEqual((await publish(request)).failures, []);
    for (const bucket of ["canonical", "second"]) assert.deepEqual(await stored(part, bucket), bytes, bucket);
    const third = await stores.s3Client.send(new GetObjectCommand({ Bucket: "third", Key: part }));
    assert.deepEqual(Buffer.from(await third.Body!.transformToByteArray()), bytes);
  });

  it("what a run replaces stays for readers until the next run that writes", async () => {
    const parts = async () => (await documentsIn("second")).filter((key) => key.startsWith("catalog/listing/"));
    const [file] = project("dotslash").files;
    const files = `${file!.path} sha256:${file!.sha256}\n`;
    await anotherRun();
    await publish(requestFor("semver"));
    const before = await parts();
    assert.equal(before.length, 1);
    const added = requestFor("dotslash", { project: "added", images: "", files });
    await publish(added);
    assert.deepEqual(
      (await parts()).filter((key) => before.includes(key)),
      before,
    );
    await anotherRun();
    await writer.withdraw(added);
    assert.equal((await parts()).length, 2, "what was named before the run, and what is named now");
    await anotherRun();
    await publish(requestFor("semver"));
    assert.deepEqual(await parts(), before);
  });

  it("batches concurrent entries and loses none", async () => {
    await anotherRun();
    const names = Array.from({ length: 20 }, (_, at) => `many-${String(at).padStart(2, "0")}`);
    const [file] = project("dotslash").files;
    const each = names.map((name) => {
      const request = requestFor("dotslash", {
        project: name,
        images: "",
        files: `${file!.path} sha256:${file!.sha256}\n`,
      });
      return publish(request);
    });
    for (const { failures } of await Promise.all(each)) assert.deepEqual(failures, []);
    assert.deepEqual(
      (await index()).projects.map(({ name }) => name),
      ["dotslash", ...names, "semver"],
    );
    await Promise.all(names.map((name) => writer.withdraw(requestFor("dotslash", { project: name }))));
    assert.deepEqual(
      (await index()).projects.map(({ name }) => name),
      ["dotslash", "semver"],
    );
  });

  it("removes every object of a withdrawn project", async () => {
    await anotherRun();
    for (const name of ["dotslash", "semver"]) assert.deepEqual((await writer.withdraw(requestFor(name))).failures, []);
    assert.deepEqual((await index("second")).projects, []);
    assert.deepEqual(
      (await documentsIn("canonical")).filter((key) => !/^catalog\/(listing|platforms)\//.test(key)),
      [
        "catalog/index.json",
        "catalog/listing.json",
        "catalog/presence.json",
        "catalog/recent.atom",
        "catalog/recent.json",
      ],
    );
    for (const kind of ["listing", "platforms"] as const) assert.deepEqual(await catalogueLines(stored, kind), []);
    assert.deepEqual(await writer.check(requestFor("semver"), ""), { incomplete: [], failures: [] });
  });

  it("does not overwrite an index that it cannot read", async () => {
    await stores.stage("canonical", "catalog/index.json", '{"schemaVersion":2}');
    await anotherRun();
    await assert.rejects(
      publish(requestFor("semver")),
      /catalog\/index\.json is of a newer version of this program: update this program/,
    );
    assert.equal(String(await stored("catalog/index.json")), '{"schemaVersion":2}');
  });

  it("the outcome's digest is that of the stored document", async () => {
    await stores.remove("canonical", "catalog/index.json");
    await anotherRun();
    const { document } = await publish(requestFor("semver"));
    const bytes = await stored("catalog/projects/semver.json");
    assert.equal(document, createHash("sha256").update(bytes!).digest("hex"));
  });
});
