/**
 * The messages of Pulumi's provider protocol that carry properties, read and written without the generated classes. Those read each text
 * character by character, which is most of a plugin's work: a preview of k8s.io's size sends megabytes of lines in check and diff
 * (`npm run bench -- preview`). The fields are those of pulumi/proto/provider.proto and google/protobuf/struct.proto; a test compares
 * each message with the generated classes.
 */
import protobuf from "protobufjs/minimal.js";
import type { Properties } from "./properties.ts";

/** Each reads a request from its bytes; throws if they are no message. Properties are read when somebody looks at them, each time anew. */
export const readCheckRequest = message({ urn: text(1), olds: properties(2), news: properties(3) });
export const readDiffRequest = message({
  id: text(1),
  urn: text(2),
  olds: properties(3),
  news: properties(4),
  oldInputs: properties(6),
});
export const readCreateRequest = message({ urn: text(1), inputs: properties(2), preview: flag(4) });
export const readUpdateRequest = message({
  id: text(1),
  urn: text(2),
  olds: properties(3),
  news: properties(4),
  preview: flag(7),
  oldInputs: properties(8),
});
export const readReadRequest = message({ id: text(1), urn: text(2), outputs: properties(3), inputs: properties(4) });
export const readDeleteRequest = message({
  id: text(1),
  urn: text(2),
  outputs: properties(3),
  oldInputs: properties(5),
});
export const readInvokeRequest = message({ token: text(1), args: properties(2) });
export const readConfigureRequest = message({ args: properties(2) });

/** `pulumirpc.CheckResponse`; of a failure only the reason, as the CLI prints the whole value of a property that is named. */
export interface CheckResponse {
  readonly inputs: Properties;
  readonly failures: readonly string[];
}

/** Each returns the bytes of a response. As in JSON, what is undefined is left out. */
export function writeCheckResponse({ inputs, failures }: CheckResponse): Buffer {
  const writer = protobuf.Writer.create();
  writeProperties(writer, 1, inputs);
  for (const reason of failures) writer.uint32(tag(2)).fork().uint32(tag(2)).string(reason).ldelim();
  return finish(writer);
}

/** @param id "" in a preview. */
export function writeCreateResponse({ id, outputs }: { readonly id: string; readonly outputs: Properties }): Buffer {
  return finish(writeProperties(writeText(protobuf.Writer.create(), 1, id), 2, outputs));
}

export function writeUpdateResponse({ outputs }: { readonly outputs: Properties }): Buffer {
  return finish(writeProperties(protobuf.Writer.create(), 1, outputs));
}

/** What was found; undefined: the resource does not exist. */
export function writeReadResponse(
  found: { readonly id: string; readonly outputs: Properties; readonly inputs: Properties } | undefined,
): Buffer {
  const writer = protobuf.Writer.create();
  if (found !== undefined) {
    writeText(writer, 1, found.id);
    writeProperties(writer, 2, found.outputs);
    writeProperties(writer, 3, found.inputs);
  }
  return finish(writer);
}

export function writeInvokeResponse(result: Properties): Buffer {
  return finish(writeProperties(protobuf.Writer.create(), 1, result));
}

/** `pulumirpc.ErrorResourceInitFailed`: the resource is there, in part. */
export function writeInitFailed(failed: {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
  readonly reasons: readonly string[];
}): Buffer {
  const writer = writeText(protobuf.Writer.create(), 1, failed.id);
  writeProperties(writer, 2, failed.outputs);
  for (const reason of failed.reasons) writer.uint32(tag(3)).string(reason);
  return finish(writeProperties(writer, 4, failed.inputs));
}

/** Reads one property, an entry in the only field of `google.protobuf.Struct`. */
export function readProperty(bytes: Uint8Array): [name: string, value: unknown] {
  return readEntry(protobuf.Reader.create(bytes), bytes.length);
}

/** Writes what {@link readProperty} reads. */
export function writeProperty(name: string, value: unknown): Uint8Array {
  return writeEntry(protobuf.Writer.create(), name, value).finish();
}

/** How one field of a message is read. */
type Field<T> = (fields: Fields) => T;

/** A message with a property for each field. */
type Message<Read> = { readonly [Name in keyof Read]: Read[Name] extends Field<infer T> ? T : never };

/** The reader of a kind of message: its properties are getters, so that only what is looked at is read. */
function message<Read extends Readonly<Record<string, Field<unknown>>>>(
  read: Read,
): (bytes: Uint8Array) => Message<Read> {
  return (bytes) => {
    const fields = readFields(bytes);
    const made = {};
    for (const [name, field] of Object.entries(read)) {
      Object.defineProperty(made, name, { enumerable: true, get: () => field(fields) });
    }
    return made as Message<Read>;
  };
}

function text(number: number): Field<string> {
  return ({ withLength }) => textOf(withLength.get(number));
}

function properties(number: number): Field<Properties> {
  return ({ withLength }) => structOf(withLength.get(number));
}

function flag(number: number): Field<boolean> {
  return ({ set }) => set.has(number);
}

/** The fields of a message, unread: those with a length by number, and the numbers of the flags that are true. */
interface Fields {
  readonly withLength: ReadonlyMap<number, Uint8Array>;
  readonly set: ReadonlySet<number>;
}

function readFields(bytes: Uint8Array): Fields {
  const reader = protobuf.Reader.create(bytes);
  const withLength = new Map<number, Uint8Array>();
  const set = new Set<number>();
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    const number = key >>> 3;
    if ((key & 7) === 2) withLength.set(number, reader.bytes());
    else if ((key & 7) !== 0) reader.skipType(key & 7);
    else if (reader.bool()) set.add(number);
    else set.delete(number);
  }
  return { withLength, set };
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function structOf(bytes: Uint8Array | undefined): Properties {
  return bytes === undefined ? {} : readStruct(protobuf.Reader.create(bytes), bytes.length);
}

/** `google.protobuf.Struct`: `map<string, Value> fields = 1`. */
function readStruct(reader: protobuf.Reader, end: number): Properties {
  const entries: [string, unknown][] = [];
  while (reader.pos < end) {
    const field = reader.uint32();
    if (field !== tag(1)) {
      reader.skipType(field & 7);
      continue;
    }
    entries.push(readEntry(reader, reader.uint32() + reader.pos));
  }
  return namedProperties(entries);
}

/** Properties in the order of their names, as the generated classes have them: the engine writes a map in any order. */
export function namedProperties(entries: [name: string, value: unknown][]): Properties {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))); // whatever their names, they become properties of its own
}

function readEntry(reader: protobuf.Reader, end: number): [name: string, value: unknown] {
  let name = "";
  let value: unknown = null;
  while (reader.pos < end) {
    const key = reader.uint32();
    if (key === tag(1)) name = reader.string();
    else if (key === tag(2)) value = readValue(reader, reader.uint32() + reader.pos);
    else reader.skipType(key & 7);
  }
  return [name, value];
}

/** `google.protobuf.Value`: one of null (1), number (2), text (3), boolean (4), Struct (5), ListValue (6). */
function readValue(reader: protobuf.Reader, end: number): unknown {
  let value: unknown = null;
  while (reader.pos < end) {
    const key = reader.uint32();
    switch (key) {
      case numberTag:
        value = reader.double();
        break;
      case tag(3):
        value = reader.string();
        break;
      case booleanTag:
        value = reader.bool();
        break;
      case tag(5):
        value = readStruct(reader, reader.uint32() + reader.pos);
        break;
      case tag(6):
        value = readList(reader, reader.uint32() + reader.pos);
        break;
      default:
        reader.skipType(key & 7);
    }
  }
  return value;
}

/** `google.protobuf.ListValue`: `repeated Value values = 1`. */
function readList(reader: protobuf.Reader, end: number): unknown[] {
  const list: unknown[] = [];
  while (reader.pos < end) {
    const key = reader.uint32();
    if (key === tag(1)) list.push(readValue(reader, reader.uint32() + reader.pos));
    else reader.skipType(key & 7);
  }
  return list;
}

function writeStruct(writer: protobuf.Writer, properties: object): protobuf.Writer {
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) writeEntry(writer.uint32(tag(1)).fork(), name, value).ldelim();
  }
  return writer;
}

function writeEntry(writer: protobuf.Writer, name: string, value: unknown): protobuf.Writer {
  return writeValue(writer.uint32(tag(1)).string(name).uint32(tag(2)).fork(), value).ldelim();
}

function writeValue(writer: protobuf.Writer, value: unknown): protobuf.Writer {
  switch (typeof value) {
    case "string":
      return writer.uint32(tag(3)).string(value);
    case "number":
      return Number.isFinite(value) ? writer.uint32(numberTag).double(value) : writer.uint32(nullTag).uint32(0);
    case "boolean":
      return writer.uint32(booleanTag).bool(value);
    case "object":
      if (value === null) break;
      if (Array.isArray(value)) {
        writer.uint32(tag(6)).fork();
        for (const element of value) writeValue(writer.uint32(tag(1)).fork(), element).ldelim();
        return writer.ldelim();
      }
      return writeStruct(writer.uint32(tag(5)).fork(), value).ldelim();
  }
  return writer.uint32(nullTag).uint32(0);
}

/** As the generated classes have it, an empty text is left out. */
function writeText(writer: protobuf.Writer, field: number, value: string): protobuf.Writer {
  return value === "" ? writer : writer.uint32(tag(field)).string(value);
}

function writeProperties(writer: protobuf.Writer, field: number, value: Properties): protobuf.Writer {
  return writeStruct(writer.uint32(tag(field)).fork(), value).ldelim();
}

function finish(writer: protobuf.Writer): Buffer {
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The key of a field that has a length (protobuf's wire type 2). */
function tag(field: number): number {
  return (field << 3) | 2;
}

const nullTag = 1 << 3;
const numberTag = (2 << 3) | 1;
const booleanTag = 4 << 3;
