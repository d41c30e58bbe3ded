import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  type PublishedCheck,
  type PublishedDocument,
  PublishedObjects,
} from "../../../../redirector/mirrors/published-objects.ts";
import {
  keyOfAttachedBlob,
  keyOfDigest,
  keyOfFile,
  keyOfTag,
  readKeys,
  writeKeys,
} from "../../../../redirector/presence-format.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const [mine, blob, attached] = [digest("a"), digest("b"), digest("c")];
const keys = Float64Array.from([
  keyOfTag("demo/app", "v1"),
  keyOfDigest("demo/app", mine),
  keyOfDigest("demo/app", blob),
  keyOfAttachedBlob("demo/app", attached),
  keyOfFile("binaries/demo/v1/a tool+x"),
]);

function published(mirrors = ["a", "b"]) {
  const clock = { now: 0 };
  const objects = new PublishedObjects(() => clock.now);
  objects.replace(new Map([["demo", { mirrors: new Set(mirrors), filling: new Set(["filling"]), keys }]]));
  return { objects, clock };
}

type Kind = NonNullable<PublishedCheck["route"]>["kind"];
const check = (kind: Kind, path: string, asked = "a", layer = false): PublishedCheck => ({
  asked,
  url: `https://${asked}${path}`,
  route: { kind, path },
  layer,
});

describe("presence", () => {
  const cases: [string, PublishedCheck, "present" | "absent" | undefined][] = [
    ["a tag", check("manifest", "/demo/app/manifests/v1"), "present"],
    ["another tag", check("manifest", "/demo/app/manifests/v2"), undefined],
    ["the same tag of another image", check("manifest", "/demo/ap/manifests/v1"), undefined],
    ["a digest", check("manifest", `/demo/app/manifests/${mine}`), "present"],
    ["a digest in another image", check("manifest", `/demo/other/manifests/${mine}`), undefined],
    ["a blob", check("blob", `/demo/app/blobs/${blob}`), "present"],
    ["a blob of what is attached", check("blob", `/demo/app/blobs/${attached}`), "present"],
    ["a layer in a bucket of layers", check("blob", `/demo/app/blobs/${blob}`, "b", true), "present"],
    ["what is attached, in a bucket of layers", check("blob", `/demo/app/blobs/${attached}`, "b", true), undefined],
    ["a file", check("file", "/binaries/demo/v1/a%20tool%2Bx"), "present"],
    ["another file", check("file", "/binaries/demo/v1/a%20tool"), undefined],
    ["a document of the catalogue", check("file", "/catalog/index.json"), undefined],
    ["a path that cannot be decoded", check("file", "/binaries/%ff"), undefined],
    ["a mirror that is not named", check("manifest", "/demo/app/manifests/v1", "new"), "absent"],
    ["a mirror that is being filled", check("manifest", "/demo/app/manifests/v1", "filling"), undefined],
    ["a mirror that is not named, of something unknown", check("manifest", "/demo/app/manifests/v2", "new"), undefined],
  ];
  for (const [name, asked, expected] of cases) {
    it(`${name}: ${expected}`, () => assert.equal(published().objects.presence(asked), expected));
  }

  it("without a route, or without any document: undefined", () => {
    assert.equal(published().objects.presence({ asked: "a", url: "x" }), undefined);
    assert.equal(new PublishedObjects().presence(check("manifest", "/demo/app/manifests/v1")), undefined);
  });

  it("an object of two projects is where either of them is", () => {
    const objects = new PublishedObjects();
    const shared = Float64Array.from([keyOfDigest("app", blob)]);
    objects.replace(
      new Map([
        ["one", { mirrors: new Set(["a"]), keys: shared }],
        ["two", { mirrors: new Set(["b"]), keys: shared }],
      ]),
    );
    const of = (asked: string) => objects.presence(check("blob", `/app/blobs/${blob}`, asked));
    assert.deepEqual([of("a"), of("b"), of("c")], ["present", "present", "absent"]);
  });
});

describe("replace", () => {
  it("a project that is not named is removed, one without keys keeps them, a digest that went is gone", () => {
    const { objects } = published();
    const other = Float64Array.from([keyOfTag("other", "v1"), keyOfTag("other", "v2")]);
    const demo: PublishedDocument = { mirrors: new Set(["a"]) };
    objects.replace(
      new Map([
        ["demo", demo],
        ["other", { mirrors: new Set(["a"]), keys: other }],
      ]),
    );
    assert.equal(objects.size, keys.length + 2);
    assert.equal(objects.presence(check("manifest", "/demo/app/manifests/v1")), "present");
    assert.equal(objects.presence(check("manifest", "/demo/app/manifests/v1", "b")), "absent", "b lags now");
    objects.replace(new Map([["other", { mirrors: new Set(["a"]), keys: other.subarray(1) }]]));
    assert.equal(objects.presence(check("manifest", "/demo/app/manifests/v1")), undefined);
    assert.equal(objects.presence(check("manifest", "/other/manifests/v1")), undefined);
    assert.equal(objects.presence(check("manifest", "/other/manifests/v2")), "present");
    assert.equal(objects.size, 1);
  });

  it("changes of many projects give what a new table would have", () => {
    const objects = new PublishedObjects();
    const projects = new Map<string, Float64Array>();
    for (let round = 0; round < 40; round++) {
      const name = `p${round % 7}`;
      if (round % 5 === 4) projects.delete(name);
      else
        projects.set(
          name,
          Float64Array.from({ length: round * 3 }, (_, index) => keyOfTag(name, `${round}-${index}`)),
        );
      const changed = [...projects].map(([each, own]): [string, PublishedDocument] => {
        return [each, { mirrors: new Set(["a"]), keys: each === name ? own : undefined }];
      });
      objects.replace(new Map(changed));
      const expected = [...projects.values()].reduce((sum, { length }) => sum + length, 0);
      assert.equal(objects.size, expected);
      for (const each of projects.keys()) {
        const last = [...Array(round + 1).keys()].reverse().find((one) => `p${one % 7}` === each)!;
        if (last > 0) assert.equal(objects.presence(check("manifest", `/${each}/manifests/${last}-0`)), "present");
      }
    }
  });
});

it("a mirror that lost something is doubted for ten minutes; others are not", () => {
  const { objects, clock } = published();
  const asked = check("manifest", "/demo/app/manifests/v1");
  assert.equal(objects.presence(asked), "present");
  objects.doubt("a");
  assert.deepEqual(objects.doubted, ["a"]);
  assert.equal(objects.presence(asked), undefined);
  assert.equal(objects.presence({ ...asked, asked: "b" }), "present");
  clock.now = 600_000;
  assert.equal(objects.presence(asked), "present");
  assert.deepEqual(objects.doubted, []);
});

it("gives each mirror's first object since the last sample, once", () => {
  const { objects } = published();
  const [first, second] = [check("manifest", "/demo/app/manifests/v1"), check("blob", `/demo/app/blobs/${blob}`)];
  assert.equal(objects.takeSample("a"), undefined);
  for (const each of [first, second]) objects.presence(each);
  assert.equal(objects.takeSample("a"), first);
  assert.equal(objects.takeSample("a"), undefined);
  objects.presence(second);
  assert.equal(objects.takeSample("a"), second);
  assert.equal(objects.takeSample("b"), undefined);
});

describe("keys as text", () => {
  it("are sorted, each once, and read back", () => {
    const text = writeKeys([2 ** 48 - 1, 5, 0, 5]);
    assert.equal(text, "AAAAAAAAAAAAAAAF________");
    assert.deepEqual([...readKeys(text)], [0, 5, 2 ** 48 - 1]);
    assert.deepEqual([...readKeys("")], []);
  });

  for (const text of ["A", "AAAAAAA", "AAAAAAA=", "AAAA AAAA", "AAAAAAA+", "AAAAAAAA\n"]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => readKeys(text), /not a list of keys/));
  }
});
