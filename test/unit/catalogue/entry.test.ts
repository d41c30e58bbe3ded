import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { it } from "mocha";
import { type ProjectEntry, type Published, projectEntry } from "../../../components/catalogue/entry.ts";
import { type ImageFacts, readDocument } from "../../../components/catalogue/formats.ts";
import { emptyIndex, replaceEntry } from "../../../components/catalogue/index-document.ts";
import { writeDocument } from "../../../components/catalogue/layout.ts";
import { packListing, unpackListing } from "../../../components/catalogue/listing.ts";
import { joinParts } from "../../../components/catalogue/listing-parts.ts";
import { emptyPresence, replacePresence } from "../../../components/catalogue/presence.ts";
import { divideReleases } from "../../../components/catalogue/release-parts.ts";
import { catalogueSchemaFolder, catalogueSchemas } from "../../../components/catalogue/schemas.ts";
import {
  keyOfFile,
  keyOfRepository,
  keyOfTag,
  readKeys,
  readPresenceDocument,
  readPresenceIndex,
} from "../../../redirector/presence-format.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

function factsOf(letter: string): [string, ImageFacts] {
  const platforms = [{ platform: "linux/amd64", digest: digest(letter), bytes: 1000 }];
  const created = "2026-01-02T03:04:05Z";
  const rest = { created, platforms, signatures: [{ format: "cosign" }], attestations: [], sboms: [] } as const;
  return [digest(letter), { digest: digest(letter), mediaType: "application/vnd.oci.image.manifest.v1+json", ...rest }];
}

const published: Published = {
  name: "demo",
  description: "A demo",
  contact: "https://example.org/",
  imagePrefix: "demo",
  filePrefix: "demo",
  images: new Map([
    [
      "tool",
      new Map([
        [digest("a"), ["v1.9.0", "stable"]],
        [digest("b"), ["v1.10.0"]],
        [digest("c"), []],
      ]),
    ],
    ["base", new Map([[digest("d"), ["v2.0.0-rc.1"]]])],
  ]),
  facts: new Map(["a", "b", "c", "d"].map(factsOf)),
  files: [
    { path: "v1.9.0/tool", sha256: "1".repeat(64), bytes: 10 },
    { path: "v1.10.0/linux/tool", sha256: "2".repeat(64), bytes: 20 },
    { path: "v1.10.0/darwin/tool", sha256: "3".repeat(64), bytes: 30 },
    { path: "KEYS", sha256: "4".repeat(64), bytes: 40 },
  ],
};

function parsed(name: "project" | "image" | "release", documents: ReadonlyMap<string, string>, key: string) {
  const text = documents.get(key) ?? assert.fail(`no ${key}`);
  return readDocument(name, text) ?? assert.fail(`${key} is no ${name}`);
}

it("one project's entry, document and listing", () => {
  const { index, documents, lines } = projectEntry(published);
  assert.deepEqual(index, {
    name: "demo",
    description: "A demo",
    contact: "https://example.org/",
    document: "catalog/projects/demo.json",
    sha256: createHash("sha256").update(documents.get("catalog/projects/demo.json")!).digest("hex"),
    images: [
      { repository: "demo/base", digests: 1 },
      { repository: "demo/tool", digests: 3, latest: "v1.10.0" },
    ],
    files: { prefix: "binaries/demo/", files: 4, releases: 3, latest: "v1.10.0" },
  });
  assert.equal(
    lines,
    `image\tdemo\tdemo/base\t${digest("d")}\tv2.0.0-rc.1
image\tdemo\tdemo/tool\t${digest("b")}\tv1.10.0
image\tdemo\tdemo/tool\t${digest("a")}\tv1.9.0\tstable
image\tdemo\tdemo/tool\t${digest("c")}
file\tdemo\tbinaries/demo/v1.10.0/darwin/tool\tsha256:${"3".repeat(64)}
file\tdemo\tbinaries/demo/v1.10.0/linux/tool\tsha256:${"2".repeat(64)}
file\tdemo\tbinaries/demo/v1.9.0/tool\tsha256:${"1".repeat(64)}
file\tdemo\tbinaries/demo/KEYS\tsha256:${"4".repeat(64)}
`,
  );
  assert.equal([...documents.keys()].at(-1), "catalog/projects/demo.json", "written after what it names");
  const project = parsed("project", documents, "catalog/projects/demo.json");
  assert.ok("releases" in project && "images" in project);
  assert.deepEqual(
    project.releases.map(({ release, files, bytes }) => ({ release, files, bytes })),
    [
      { release: "v1.10.0", files: 2, bytes: 50 },
      { release: "v1.9.0", files: 1, bytes: 10 },
      { release: "", files: 1, bytes: 40 },
    ],
  );
  const tool = parsed("image", documents, project.images[1]!.details);
  assert.ok("versions" in tool);
  assert.deepEqual(
    tool.versions.map(({ digest: of, tags }) => [of, tags]),
    [
      [digest("b"), ["v1.10.0"]],
      [digest("a"), ["v1.9.0", "stable"]],
      [digest("c"), []],
    ],
  );
  const release = parsed("release", documents, project.releases[0]!.details);
  assert.ok("files" in release);
  assert.equal(release.files[0]?.path, "binaries/demo/v1.10.0/darwin/tool");
});

it("names a details document by its digest", () => {
  for (const [key, text] of projectEntry(published).documents) {
    const hex = /^catalog\/details\/([0-9a-f]{64})\.json$/.exec(key)?.[1];
    if (hex !== undefined) assert.equal(createHash("sha256").update(text).digest("hex"), hex);
  }
});

it("the same input in another order gives the same bytes", () => {
  const images = new Map(
    [...published.images].reverse().map(([name, digests]) => [name, new Map([...digests].reverse())]),
  );
  const turned = { ...published, images, files: [...published.files].reverse() };
  const [one, other] = [projectEntry(published), projectEntry(turned)];
  assert.deepEqual(other.index, one.index);
  assert.equal(other.lines, one.lines);
  assert.deepEqual(new Map([...other.documents].sort()), new Map([...one.documents].sort()));
});

it("described facts in any order of members and cached facts give the same bytes", () => {
  const facts: ImageFacts = {
    sboms: [{ format: "application/spdx+json", attached: "referrer", of: digest("c") }],
    attestations: [{ predicateType: "https://slsa.dev/provenance/v1", attached: "index" }],
    signatures: [{ issuer: "https://i", identity: "me", logged: true, attached: "tag", format: "cosign" }],
    platforms: [{ bytes: 1, digest: digest("c"), platform: "linux/amd64" }],
    created: "2026-01-02T03:04:05Z",
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: digest("d"),
  };
  const of = (known: ImageFacts) => projectEntry({ ...published, facts: new Map([[digest("d"), known]]) });
  const written = of(facts);
  const project = parsed("project", written.documents, "catalog/projects/demo.json");
  assert.ok("releases" in project && "images" in project);
  const image = parsed("image", written.documents, project.images[0]!.details);
  assert.ok("versions" in image);
  const { tags: _, ...back } = image.versions[0]!;
  assert.deepEqual(back, facts);
  assert.deepEqual(of(back).documents, written.documents);
});

it("platform lines: one line for each index, with the first digits of its platforms' digests", () => {
  const of = (letter: string, ...platforms: string[]): [string, ImageFacts] => {
    const [, facts] = factsOf(letter);
    const own = platforms.map((one, at) => ({ platform: `linux/${at}`, digest: digest(one), bytes: 1 }));
    return [digest(letter), { ...facts, platforms: own }];
  };
  const facts = new Map([of("a", "e", "f", "e"), of("b", "b"), of("c", "0"), factsOf("d")]);
  const entry = projectEntry({ ...published, facts });
  const line = (...letters: string[]) => letters.map((letter) => letter.repeat(16)).join("\t");
  assert.equal(
    entry.platforms,
    `platforms\tdemo\tdemo/tool\t${line("a", "e", "f")}\nplatforms\tdemo\tdemo/tool\t${line("c", "0")}\n`,
  );
  const others = "platforms\tother\tother/tool\t0\t1\n";
  const blocks = joinParts([entry.platforms + others]);
  assert.deepEqual(
    blocks,
    new Map([
      ["demo", entry.platforms],
      ["other", others],
    ]),
  );
});

it("does not list a digest without facts, nor an image without digests", () => {
  const { index, lines } = projectEntry({ ...published, facts: new Map([factsOf("a")]) });
  assert.deepEqual(index?.images, [{ repository: "demo/tool", digests: 1, latest: "v1.9.0" }]);
  assert.equal(lines.match(/^image/gm)?.length, 1);
});

it("does not list a project with nothing in production", () => {
  const { index, lines, platforms, documents } = projectEntry({ ...published, images: new Map(), files: [] });
  assert.deepEqual([index, lines, platforms, documents.size], [undefined, "", "", 0]);
});

it("images and files at the root", () => {
  const { index } = projectEntry({ ...published, imagePrefix: "", filePrefix: "" });
  assert.deepEqual(
    index?.images.map(({ repository }) => repository),
    ["base", "tool"],
  );
  assert.equal(index?.files?.prefix, "binaries/");
});

it("images in a further destination of the project are listed by their whole names", () => {
  const pairs = new Map([[digest("a"), ["v1.9.0"]]]);
  const { index, lines } = projectEntry({
    ...published,
    images: new Map([
      ["tool", pairs],
      ["/other/tool", pairs],
      ["/tool", pairs],
    ]),
  });
  assert.deepEqual(
    index?.images.map(({ repository }) => repository),
    ["demo/tool", "other/tool", "tool"],
  );
  assert.match(lines, /\bother\/tool\b/);
  assert.doesNotMatch(lines, /demo\/\/|\s\/other/);
});

it("adds, replaces and removes entries of the index, sorted by name; packs lines", () => {
  const entryOf = (name: string, description = "") => ({ name, description, document: "", images: [] });
  const both = replaceEntry(replaceEntry(emptyIndex, "b", entryOf("b")), "a", entryOf("a"));
  assert.deepEqual(
    both.projects.map(({ name }) => name),
    ["a", "b"],
  );
  const replaced = replaceEntry(both, "b", entryOf("b", "new"));
  assert.deepEqual(
    replaced.projects.map(({ description }) => description),
    ["", "new"],
  );
  assert.deepEqual(
    replaceEntry(replaced, "a", undefined).projects.map(({ name }) => name),
    ["b"],
  );

  const listing = "image\ta\t1\nimage\ta\t2\n";
  assert.equal(unpackListing(packListing(listing)), listing);
  assert.equal(unpackListing(Buffer.from("no gzip")), undefined);
});

/** What the index says of a project, but for the digest of its document. */
function aboutIt({ index }: ProjectEntry) {
  const { sha256: _, ...about } = index ?? assert.fail("nothing is in production");
  return about;
}

it("lists what is withdrawn with its reason, in the project's document alone; of a project with nothing else, too", () => {
  const withdrawn = [
    { name: `demo/tool@${digest("e")}`, reason: "leaks a token (CVE-2026-12345)" },
    { name: "binaries/demo/v1.8.0/tool", reason: "broken" },
  ];
  const withdrawnIn = (documents: ReadonlyMap<string, string>) =>
    readDocument("project", documents.get("catalog/projects/demo.json") ?? "")?.withdrawn;
  const whole = projectEntry({ ...published, withdrawn });
  assert.deepEqual(withdrawnIn(whole.documents), withdrawn);
  assert.deepEqual(aboutIt(whole), aboutIt(projectEntry(published)));
  const rest = projectEntry({ ...published, images: new Map(), files: [], withdrawn });
  assert.deepEqual(rest.index?.images, []);
  assert.deepEqual(withdrawnIn(rest.documents), withdrawn);
  assert.equal(projectEntry({ ...published, images: new Map(), files: [], withdrawn: [] }).index, undefined);
});

it("says where people push in the project's document alone, and only of a project that has something in production", () => {
  const staging = { images: "us-docker.pkg.dev/p/staging-demo", source: "https://github.com/example/artifacts" };
  const entry = projectEntry({ ...published, staging });
  const { documents } = entry;
  assert.deepEqual(readDocument("project", documents.get("catalog/projects/demo.json") ?? "")?.staging, staging);
  assert.deepEqual(aboutIt(entry), aboutIt(projectEntry(published)));
  assert.equal(projectEntry({ ...published, images: new Map(), files: [], staging }).documents.size, 0);
});

it("rejects documents of other versions and damaged ones, accepts additional members", () => {
  const text = writeDocument(emptyIndex);
  assert.deepEqual(readDocument("index", text), emptyIndex);
  assert.deepEqual(readDocument("index", text.replace("1", "2")), undefined);
  assert.deepEqual(readDocument("index", text.slice(0, 5)), undefined);
  assert.deepEqual(readDocument("index", text.replace("{", '{"more":1,')), emptyIndex);
});

it("the presence document has the tags and files, and the keys of the digests that are listed", () => {
  const digestKeys = {
    "demo/tool": { [digest("b")]: "AAAAAAAB", [digest("e")]: "AAAAAAAC" },
    "demo/gone": { [digest("d")]: "AAAAAAAD" },
  };
  const of = (changes: Partial<Published> = {}) =>
    projectEntry({ ...published, digestKeys, heldBy: ["a"], ...changes });
  const { documents, presence } = of();
  const key = `catalog/presence/${presence?.sha256}.json`;
  const text = documents.get(key) ?? assert.fail("no presence document");
  const referred = (all: ReadonlyMap<string, string>) =>
    readDocument("project", all.get("catalog/projects/demo.json") ?? "")?.presence;
  assert.equal(referred(documents), key);
  assert.equal(createHash("sha256").update(text).digest("hex"), presence?.sha256);
  const document = readPresenceDocument(text);
  assert.deepEqual(document.images, { "demo/base": {}, "demo/tool": { [digest("b")]: "AAAAAAAB" } });
  const tags = [
    ["demo/tool", "v1.9.0"],
    ["demo/tool", "stable"],
    ["demo/tool", "v1.10.0"],
    ["demo/base", "v2.0.0-rc.1"],
  ] as const;
  const files = published.files.map(({ path }) => keyOfFile(`binaries/demo/${path}`));
  const repositories = ["demo/tool", "demo/base"].map(keyOfRepository);
  const ofTags = tags.map(([name, tag]) => keyOfTag(name, tag));
  const expected = [...repositories, ...ofTags, ...files].sort((a, b) => a - b);
  assert.deepEqual([...readKeys(document.keys)], expected);
  assert.equal(of({ heldBy: ["a", "b"] }).presence?.sha256, presence?.sha256, "more mirrors are no other document");
  const none = of({ images: new Map(), files: [], withdrawn: [{ name: "x", reason: "y" }] });
  assert.equal(none.presence, undefined);
  assert.ok(none.documents.size > 0);
  assert.equal(referred(none.documents), undefined);
});

it("a large project has several presence documents, and a new release or tag is in one of them", () => {
  const digests = Array.from({ length: 2_000 }, (_, at) => `sha256:${at.toString(16).padStart(8, "0").repeat(8)}`);
  const fact = factsOf("a")[1];
  const large: Published = {
    ...published,
    images: new Map([["tool", new Map(digests.map((each, at) => [each, [`v1.${at}.0`]]))]]),
    facts: new Map(digests.map((each) => [each, { ...fact, digest: each }])),
    digestKeys: { "demo/tool": Object.fromEntries(digests.map((each) => [each, each.slice(7, 7 + 64)])) },
    files: Array.from({ length: 20_000 }, (_, at) => ({
      path: `v1.${Math.floor(at / 50)}.0/${at % 50}`,
      sha256: "1".repeat(64),
      bytes: 1,
    })),
    heldBy: ["a"],
  };
  const partsOf = (published: Published) => {
    const { documents, presence } = projectEntry(published);
    const { presence: first, morePresence = [] } =
      readDocument("project", documents.get("catalog/projects/demo.json")!) ?? assert.fail("no document");
    const names = [presence!.sha256, ...(presence!.more ?? [])].map((sha256) => `catalog/presence/${sha256}.json`);
    assert.deepEqual([first, ...morePresence], names);
    return new Map(names.map((name) => [name, documents.get(name)!]));
  };
  const parts = partsOf(large);
  assert.ok(parts.size > 4 && parts.size <= 16, `${parts.size} documents`);
  for (const text of parts.values()) assert.ok(text.length < 140 * 1024, `${text.length} characters`);
  const read = [...parts.values()].map(readPresenceDocument);
  const keys = read.flatMap((one) => [...readKeys(one.keys)]).sort((a, b) => a - b);
  assert.equal(keys.length, 1 + digests.length + large.files.length);
  assert.deepEqual(keys, [...new Set(keys)], "each once");
  const known = Object.assign({}, ...read.map(({ images }) => images["demo/tool"])) as object;
  assert.deepEqual(Object.keys(known).sort(), digests);
  const changes: Partial<Published>[] = [
    { files: [...large.files, { path: "v99.0.0/a", sha256: "1".repeat(64), bytes: 1 }] },
    { images: new Map([["tool", new Map(digests.map((each, at) => [each, at === 7 ? ["x"] : [`v1.${at}.0`]]))]]) },
  ];
  for (const change of changes) {
    const after = partsOf({ ...large, ...change });
    assert.deepEqual([after.size, [...after.keys()].filter((name) => !parts.has(name)).length], [parts.size, 1]);
  }
});

it("the list of a large project's releases is divided, and its parts are in their order", () => {
  const files = Array.from({ length: 1_000 }, (_, at) => ({ path: `v1.${at}.0/a`, sha256: "1".repeat(64), bytes: 1 }));
  const { documents } = projectEntry({ ...published, files });
  const text = documents.get("catalog/projects/demo.json")!;
  const { releases, moreReleases = [] } = readDocument("project", text) ?? assert.fail("no document");
  const parts = moreReleases.map((key) => readDocument("releases", documents.get(key)!) ?? assert.fail(key));
  assert.ok(releases.length > 0 && parts.length > 1);
  assert.deepEqual(
    [...releases, ...parts.flatMap((part) => part.releases)].map(({ release }) => release),
    files.map((_, at) => `v1.${files.length - 1 - at}.0`),
  );
});

it("a change of a release is in one part of their list, wherever it is", () => {
  const list = Array.from({ length: 6_000 }, (_, at) => ({ release: `v1.${at}.0`, details: "a" }));
  const texts = (releases: typeof list) => divideReleases(releases).map((part) => JSON.stringify(part));
  const before = new Set(texts(list));
  assert.equal(texts(list.slice(0, 256)).length, 1);
  assert.ok(before.size > 20 && before.size < 100, `${before.size} parts`);
  assert.ok(divideReleases(list).every((part) => part.length <= 256));
  const changed = (releases: typeof list) => texts(releases).filter((text) => !before.has(text)).length;
  for (let at = 0; at < list.length; at += 1_499) {
    assert.equal(changed(list.with(at, { ...list[at]!, details: "b" })), 1);
    assert.ok(changed(list.toSpliced(at, 0, { release: `v2.${at}.0`, details: "a" })) <= 2);
    assert.ok(changed(list.toSpliced(at, 1)) <= 1);
  }
});

it("the presence index: one project changes, an unlisting keeps the mirrors, and nobody is promised without them", () => {
  const [one, two] = [{ sha256: "1".repeat(64) }, { sha256: "2".repeat(64) }];
  const first = replacePresence(replacePresence(emptyPresence, "b", one, { mirrors: ["m"] }), "a", two, {
    mirrors: ["m", "n"],
  });
  assert.deepEqual(Object.entries(first.projects), [
    ["a", { document: two.sha256, mirrors: ["m", "n"] }],
    ["b", { document: one.sha256, mirrors: ["m"] }],
  ]);
  assert.deepEqual(replacePresence(first, "a", one, undefined).projects["a"], {
    document: one.sha256,
    mirrors: ["m", "n"],
  });
  const filling = replacePresence(first, "a", one, { mirrors: ["m"], filling: ["n"] });
  assert.deepEqual(filling.projects["a"], { document: one.sha256, mirrors: ["m"], filling: ["n"] });
  assert.deepEqual(replacePresence(filling, "a", two, undefined).projects["a"]?.filling, ["n"]);
  assert.deepEqual(readPresenceIndex(JSON.stringify(filling)), filling);
  assert.deepEqual(Object.keys(replacePresence(first, "a", undefined, undefined).projects), ["b"]);
  assert.deepEqual(Object.keys(replacePresence(first, "c", one, undefined).projects), ["a", "b"]);
  assert.deepEqual(Object.keys(replacePresence(first, "a", one, { mirrors: [] }).projects), ["b"]);
  assert.deepEqual(readPresenceIndex(writeDocument(first)), first);
  const divided = replacePresence(first, "a", { ...one, more: [two.sha256] }, undefined);
  assert.deepEqual(divided.projects["a"], { document: one.sha256, more: [two.sha256], mirrors: ["m", "n"] });
  assert.deepEqual(readPresenceIndex(writeDocument(divided)), divided);
  assert.deepEqual(replacePresence(divided, "a", one, undefined).projects["a"], {
    ...first.projects["a"],
    document: one.sha256,
  });
});

const root = join(import.meta.dirname, "../../..");

it("the committed schemas equal the formats: npm run schemas writes them", async () => {
  const schemas = catalogueSchemas();
  assert.deepEqual((await readdir(join(root, catalogueSchemaFolder))).sort(), Object.keys(schemas).sort());
  for (const [name, schema] of Object.entries(schemas))
    assert.deepEqual(JSON.parse(await readFile(join(root, catalogueSchemaFolder, name), "utf8")), schema, name);
});

it("written documents match the schemas", () => {
  const ajv = new Ajv2020({ allErrors: true, formats: { "date-time": true } });
  const withdrawn = [{ name: "demo/tool:v0", reason: "old" }];
  const staging = { files: "staging/demo", source: "https://github.com/example/artifacts" };
  const many = Array.from({ length: 600 }, (_, at) => ({ path: `v1.${at}/a`, sha256: "1".repeat(64), bytes: 1 }));
  const { index, documents } = projectEntry({ ...published, files: many, withdrawn, staging });
  let parts = 0;
  const schemas = Object.entries(catalogueSchemas());
  const validators = Object.fromEntries(schemas.map(([name, schema]) => [name, ajv.compile(schema)]));
  const valid = (name: string, value: unknown) => {
    const validate = validators[`${name}.schema.json`] ?? assert.fail(name);
    assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}`);
  };
  valid("index", replaceEntry(emptyIndex, "demo", index));
  for (const [key, text] of documents) {
    const value = JSON.parse(text) as Record<string, unknown>;
    if (key.startsWith("catalog/presence/")) continue; // read by redirectors alone
    const details = "versions" in value ? "image" : "files" in value ? "release" : "releases";
    valid(key.startsWith("catalog/projects/") ? "project" : details, value);
    if (details === "releases") parts++;
  }
  assert.ok(parts > 0);
});
