import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fc from "fast-check";
import { it } from "mocha";
import { CheckRequest, DiffRequest, writeCheckResponse } from "../../../components/plugin/codec.ts";

const require = createRequire(import.meta.url);
const pb = require("@pulumi/pulumi/proto/provider_pb.js") as typeof import("@pulumi/pulumi/proto/provider_pb.js");
const { Struct } =
  require("google-protobuf/google/protobuf/struct_pb.js") as typeof import("google-protobuf/google/protobuf/struct_pb.js");

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constantFrom("constructor", "é😀", "a\0b"));
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0), // no -0: JSON has none
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const properties = fc.dictionary(text, value, { maxKeys: 6, noNullPrototype: true }).map(plain);

it("any properties: read as the generated classes wrote them", () => {
  fc.assert(
    fc.property(properties, properties, properties, text, (olds, news, oldInputs, urn) => {
      const check = new pb.CheckRequest();
      check.setUrn(urn);
      check.setOlds(structOf(olds));
      check.setNews(structOf(news));
      check.setRandomseed(new Uint8Array([1, 2, 3]));
      check.setName("name");
      const readCheck = new CheckRequest(check.serializeBinary());
      assert.deepEqual([readCheck.urn, readCheck.olds, readCheck.news], [urn, olds, news]);

      const diff = new pb.DiffRequest();
      diff.setId("id");
      diff.setUrn(urn);
      diff.setOlds(structOf(olds));
      diff.setNews(structOf(news));
      diff.setOldInputs(structOf(oldInputs));
      diff.setIgnorechangesList(["a", "b"]);
      const read = new DiffRequest(diff.serializeBinary());
      assert.deepEqual([read.id, read.urn, read.olds, read.news, read.oldInputs], ["id", urn, olds, news, oldInputs]);
    }),
  );
});

it("any properties: written so that the generated classes read them", () => {
  fc.assert(
    fc.property(properties, fc.array(text), (inputs, failures) => {
      const read = pb.CheckResponse.deserializeBinary(writeCheckResponse({ inputs, failures }));
      assert.deepEqual(read.getInputs()?.toJavaScript(), inputs);
      assert.deepEqual(
        read.getFailuresList().map((failure) => failure.getReason()),
        failures,
      );
    }),
  );
});

it("what JSON leaves out or makes null is left out or null; what is absent is empty", () => {
  const inputs = { gone: undefined, list: [undefined, Number.NaN], inner: { gone: undefined, kept: 0 } };
  const read = pb.CheckResponse.deserializeBinary(writeCheckResponse({ inputs, failures: [] }));
  assert.deepEqual(read.getInputs()?.toJavaScript(), JSON.parse(JSON.stringify(inputs)));
  const empty = new DiffRequest(new Uint8Array());
  assert.deepEqual([empty.id, empty.urn, empty.olds, empty.news, empty.oldInputs], ["", "", {}, {}, {}]);
});

it("a property called __proto__ is one of many, and changes no prototype", () => {
  const inputs = JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
  const bytes = writeCheckResponse({ inputs, failures: [] });
  // A check response's inputs are field 1, a check request's news field 3: the same Struct.
  const request = Buffer.from(bytes);
  request[0] = (3 << 3) | 2;
  const { news } = new CheckRequest(request);
  assert.deepEqual(Object.keys(news), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(news), Object.prototype);
});

it("bytes that are no message are an error", () => {
  assert.throws(() => new CheckRequest(Uint8Array.from([0x12, 0xff])));
  assert.throws(() => new DiffRequest(Uint8Array.from([0x1a, 0x02, 0x0a, 0x7f])).olds);
});

function structOf(made: Record<string, unknown>): InstanceType<typeof Struct> {
  return Struct.fromJavaScript(made as Parameters<typeof Struct.fromJavaScript>[0]);
}

/** Without what the generated classes change by themselves. */
function plain(made: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(made), (key, inner: unknown) => (key === "__proto__" ? undefined : inner)) as Record<
    string,
    unknown
  >;
}
