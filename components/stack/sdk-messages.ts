/**
 * The SDK turns the properties of a resource into a message for each value, and messages into bytes character by character; what the engine answers the same way
 * back. The plugin's codec takes them as they are.
 */
import { createRequire } from "node:module";
import { namedProperties, readProperty, writeProperty } from "../plugin/codec.ts";
import { canonicalJson } from "../plugin/properties.ts";

type StructModule = typeof import("google-protobuf/google/protobuf/struct_pb.js");
type Struct = InstanceType<StructModule["Struct"]>;
type Values = Parameters<StructModule["Struct"]["fromJavaScript"]>[0];

/** Makes the SDK write and read properties by the plugin's codec. The bytes and values are the same. */
export function convertPropertiesByCodec(): void {
  const { Struct } = createRequire(import.meta.url)("google-protobuf/google/protobuf/struct_pb.js") as StructModule;
  const { fromJavaScript, serializeBinaryToWriter } = Struct;
  const held = new WeakMap<Struct, Values>();
  const hold = (struct: Struct, values: Values, sorted: () => Values): Struct => {
    held.set(struct, values);
    struct.toJavaScript = sorted;
    struct.getFieldsMap = () => fromJavaScript(values).getFieldsMap();
    return struct;
  };
  // What the program reads back of its own only tests ask for.
  Struct.fromJavaScript = (values) =>
    hold(new Struct(), values, () => JSON.parse(canonicalJson(values) ?? "{}") as Values);
  Struct.serializeBinaryToWriter = (struct, writer) => {
    const values = held.get(struct);
    if (values === undefined) serializeBinaryToWriter(struct, writer);
    else for (const [name, value] of Object.entries(values)) writer.writeBytes(1, writeProperty(name, value));
  };
  Struct.deserializeBinaryFromReader = (struct, reader) => {
    const entries: [string, unknown][] = [];
    while (reader.nextField() && !reader.isEndGroup()) {
      if (reader.getFieldNumber() === 1) entries.push(readProperty(reader.readBytes()));
      else reader.skipField();
    }
    const values = namedProperties(entries) as Values;
    return hold(struct, values, () => values);
  };
}
