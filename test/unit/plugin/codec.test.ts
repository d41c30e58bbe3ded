import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fc from "fast-check";
import { it } from "mocha";
import {
  readCheckRequest,
  readConfigureRequest,
  readCreateRequest,
  readDeleteRequest,
  readDiffRequest,
  readInvokeRequest,
  readReadRequest,
  readUpdateRequest,
  writeCheckResponse,
  writeCreateResponse,
  writeInitFailed,
  writeInvokeResponse,
  writeReadResponse,
  writeUpdateResponse,
} from "../../../components/plugin/codec.ts";

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

it("any properties: decodes what the generated classes encode", () => {
  fc.assert(
    fc.property(properties, properties, properties, text, (olds, news, oldInputs, urn) => {
      const check = new pb.CheckRequest();
      check.setUrn(urn);
      check.setOlds(structOf(olds));
      check.setNews(structOf(news));
      check.setRandomseed(new Uint8Array([1, 2, 3]));
      check.setName("name");
      const readCheck = readCheckRequest(check.serializeBinary());
      assert.deepEqual([readCheck.urn, readCheck.olds, readCheck.news], [urn, olds, news]);

      const diff = new pb.DiffRequest();
      diff.setId("id");
      diff.setUrn(urn);
      diff.setOlds(structOf(olds));
      diff.setNews(structOf(news));
      diff.setOldInputs(structOf(oldInputs));
      diff.setIgnorechangesList(["a", "b"]);
      const read = readDiffRequest(diff.serializeBinary());
      assert.deepEqual([read.id, read.urn, read.olds, read.news, read.oldInputs], ["id", urn, olds, news, oldInputs]);
    }),
  );
});

it("any properties: decodes what the generated classes encode, in calls that change resources", () => {
  fc.assert(
    fc.property(properties, properties, properties, text, fc.boolean(), (olds, news, oldInputs, urn, preview) => {
      const create = new pb.CreateRequest();
      create.setUrn(urn);
      create.setProperties(structOf(news));
      create.setTimeout(1.5);
      create.setPreview(preview);
      assert.deepEqual({ ...readCreateRequest(create.serializeBinary()) }, { urn, inputs: news, preview });

      const update = new pb.UpdateRequest();
      update.setId("id");
      update.setUrn(urn);
      update.setOlds(structOf(olds));
      update.setNews(structOf(news));
      update.setTimeout(1.5);
      update.setIgnorechangesList(["a", "b"]);
      update.setPreview(preview);
      update.setOldInputs(structOf(oldInputs));
      const updated = { ...readUpdateRequest(update.serializeBinary()) };
      assert.deepEqual(updated, { id: "id", urn, olds, news, preview, oldInputs });

      const read = new pb.ReadRequest();
      read.setId("id");
      read.setUrn(urn);
      read.setProperties(structOf(olds));
      read.setInputs(structOf(oldInputs));
      const found = { ...readReadRequest(read.serializeBinary()) };
      assert.deepEqual(found, { id: "id", urn, outputs: olds, inputs: oldInputs });

      const remove = new pb.DeleteRequest();
      remove.setId("id");
      remove.setUrn(urn);
      remove.setProperties(structOf(olds));
      remove.setOldInputs(structOf(oldInputs));
      const removed = { ...readDeleteRequest(remove.serializeBinary()) };
      assert.deepEqual(removed, { id: "id", urn, outputs: olds, oldInputs });

      const invoke = new pb.InvokeRequest();
      invoke.setTok("token");
      invoke.setArgs(structOf(news));
      assert.deepEqual({ ...readInvokeRequest(invoke.serializeBinary()) }, { token: "token", args: news });

      const configure = new pb.ConfigureRequest();
      configure.getVariablesMap().set("a", "b");
      configure.setArgs(structOf(news));
      configure.setAcceptsecrets(true);
      assert.deepEqual(readConfigureRequest(configure.serializeBinary()).args, news);
    }),
    { numRuns: 50 },
  );
});

it("any properties: encodes what the generated classes decode, in responses of calls that change resources", () => {
  fc.assert(
    fc.property(properties, properties, text, fc.array(text), (outputs, inputs, id, reasons) => {
      const created = pb.CreateResponse.deserializeBinary(writeCreateResponse({ id, outputs }));
      assert.deepEqual([created.getId(), created.getProperties()?.toJavaScript()], [id, outputs]);

      const updated = pb.UpdateResponse.deserializeBinary(writeUpdateResponse({ outputs }));
      assert.deepEqual(updated.getProperties()?.toJavaScript(), outputs);

      const found = pb.ReadResponse.deserializeBinary(writeReadResponse({ id, outputs, inputs }));
      const [foundOutputs, foundInputs] = [found.getProperties()?.toJavaScript(), found.getInputs()?.toJavaScript()];
      assert.deepEqual([found.getId(), foundOutputs, foundInputs], [id, outputs, inputs]);

      const invoked = pb.InvokeResponse.deserializeBinary(writeInvokeResponse(outputs));
      assert.deepEqual(invoked.getReturn()?.toJavaScript(), outputs);

      const failed = pb.ErrorResourceInitFailed.deserializeBinary(writeInitFailed({ id, inputs, outputs, reasons }));
      assert.deepEqual([failed.getId(), failed.getReasonsList()], [id, reasons]);
      assert.deepEqual(failed.getProperties()?.toJavaScript(), outputs);
      assert.deepEqual(failed.getInputs()?.toJavaScript(), inputs);
    }),
    { numRuns: 50 },
  );
  assert.equal(pb.ReadResponse.deserializeBinary(writeReadResponse(undefined)).getId(), "");
});

it("any properties: encodes what the generated classes decode", () => {
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

it("omits or writes null like JSON; absent fields are empty", () => {
  const inputs = { gone: undefined, list: [undefined, Number.NaN], inner: { gone: undefined, kept: 0 } };
  const read = pb.CheckResponse.deserializeBinary(writeCheckResponse({ inputs, failures: [] }));
  assert.deepEqual(read.getInputs()?.toJavaScript(), JSON.parse(JSON.stringify(inputs)));
  const empty = readDiffRequest(new Uint8Array());
  assert.deepEqual([empty.id, empty.urn, empty.olds, empty.news, empty.oldInputs], ["", "", {}, {}, {}]);
});

it("a property named __proto__ is a normal property, and changes no prototype", () => {
  const inputs = JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
  const bytes = writeCheckResponse({ inputs, failures: [] });
  // A check response's inputs are field 1, a check request's news field 3: the same Struct.
  const request = Buffer.from(bytes);
  request[0] = (3 << 3) | 2;
  const { news } = readCheckRequest(request);
  assert.deepEqual(Object.keys(news), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(news), Object.prototype);
});

it("invalid bytes are an error", () => {
  assert.throws(() => readCheckRequest(Uint8Array.from([0x12, 0xff])));
  assert.throws(() => readDiffRequest(Uint8Array.from([0x1a, 0x02, 0x0a, 0x7f])).olds);
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
