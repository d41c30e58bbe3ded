/**
 * The messages of Pulumi's provider protocol that are as many as the resources, and as large as they are, read and written without the generated
 * classes: those read each text character by character, which is most of a plugin's work in a preview (test/bench/preview.ts). The fields are those
 * of pulumi/proto/provider.proto and google/protobuf/struct.proto; the test compares with the generated classes.
 */
import protobuf from "protobufjs/minimal.js";
import type { Properties } from "./properties.ts";

/** `pulumirpc.CheckRequest`: what is looked at of it. */
export class CheckRequest {
  readonly #fields: Fields;

  /** Throws if the bytes are no message. Properties are read when somebody looks at them, each time anew. */
  constructor(bytes: Uint8Array) {
    this.#fields = readFields(bytes);
  }

  get urn(): string {
    return textOf(this.#fields.get(1));
  }

  get olds(): Properties {
    return structOf(this.#fields.get(2));
  }

  get news(): Properties {
    return structOf(this.#fields.get(3));
  }
}

/** `pulumirpc.DiffRequest`: what is looked at of it. */
export class DiffRequest {
  readonly #fields: Fields;

  /** As of {@link CheckRequest}. */
  constructor(bytes: Uint8Array) {
    this.#fields = readFields(bytes);
  }

  get id(): string {
    return textOf(this.#fields.get(1));
  }

  get urn(): string {
    return textOf(this.#fields.get(2));
  }

  get olds(): Properties {
    return structOf(this.#fields.get(3));
  }

  get news(): Properties {
    return structOf(this.#fields.get(4));
  }

  get oldInputs(): Properties {
    return structOf(this.#fields.get(6));
  }
}

/** `pulumirpc.CheckResponse`; of a failure only the reason, as the CLI prints the whole value of a property that is named. */
export interface CheckResponse {
  readonly inputs: Properties;
  readonly failures: readonly string[];
}

/** The bytes of a check response. As in JSON, what is undefined is left out. */
export function writeCheckResponse({ inputs, failures }: CheckResponse): Buffer {
  const writer = protobuf.Writer.create();
  writeStruct(writer.uint32(tag(1)).fork(), inputs).ldelim();
  for (const reason of failures) writer.uint32(tag(2)).fork().uint32(tag(2)).string(reason).ldelim();
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The fields of a message that have a length, by number, unread. */
type Fields = ReadonlyMap<number, Uint8Array>;

function readFields(bytes: Uint8Array): Fields {
  const reader = protobuf.Reader.create(bytes);
  const fields = new Map<number, Uint8Array>();
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if ((key & 7) === 2) fields.set(key >>> 3, reader.bytes());
    else reader.skipType(key & 7);
  }
  return fields;
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
    const entryEnd = reader.uint32() + reader.pos;
    let name = "";
    let value: unknown = null;
    while (reader.pos < entryEnd) {
      const key = reader.uint32();
      if (key === tag(1)) name = reader.string();
      else if (key === tag(2)) value = readValue(reader, reader.uint32() + reader.pos);
      else reader.skipType(key & 7);
    }
    entries.push([name, value]);
  }
  return Object.fromEntries(entries); // whatever their names, they become properties of its own
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
    if (value === undefined) continue;
    writer.uint32(tag(1)).fork().uint32(tag(1)).string(name);
    writeValue(writer.uint32(tag(2)).fork(), value)
      .ldelim()
      .ldelim();
  }
  return writer;
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

/** The key of a field that has a length (protobuf's wire type 2). */
function tag(field: number): number {
  return (field << 3) | 2;
}

const nullTag = 1 << 3;
const numberTag = (2 << 3) | 1;
const booleanTag = 4 << 3;
