import { gunzipSync } from "node:zlib";

/** All lines of a catalogue, read as a reader does that has none of the product's code. */
export async function catalogueLines(
  read: (key: string) => Promise<Uint8Array | undefined>,
  kind: "listing" | "platforms" = "listing",
): Promise<string[]> {
  const document = JSON.parse(Buffer.from((await read("catalog/listing.json"))!).toString()) as Record<
    typeof kind,
    { readonly part: string }[]
  >;
  const texts = document[kind].map(async ({ part }) => {
    const bytes = Buffer.from((await read(part)) ?? []);
    if (bytes.length === 0) throw new Error(`${part} is named and not there`);
    return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString("utf8"); // fetch may have decompressed it
  });
  return (await Promise.all(texts)).flatMap((text) => text.split("\n").filter((line) => line !== ""));
}
