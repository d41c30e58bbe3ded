import assert from "node:assert/strict";
import { it } from "mocha";
import { type Published, projectEntry } from "../../../../components/catalogue/entry.ts";
import { emptyIndex, replaceEntry } from "../../../../components/catalogue/index-document.ts";
import { indexKey, writeDocument } from "../../../../components/catalogue/layout.ts";
import { emptyPresence, replacePresence } from "../../../../components/catalogue/presence.ts";
import { CatalogueMirror } from "../../../../components/promotion/catalogue/catalogue-mirror.ts";
import { unlistLines } from "../../../../components/promotion/catalogue/unlist-lines.ts";
import type { Bucket } from "../../../../components/promotion/storage/bucket.ts";
import { presenceIndexKey } from "../../../../redirector/presence-format.ts";

const path = "v1/tool";
const published: Published = {
  name: "demo",
  description: "",
  imagePrefix: "demo",
  filePrefix: "demo",
  images: new Map(),
  facts: new Map(),
  files: [{ path, sha256: "1".repeat(64), bytes: 10 }],
};

it("a mirror in which a project is not placed any more is named neither as full nor as being filled", async () => {
  const { mirrors, filling, changed } = await unlisted(["full", "half"]);
  assert.deepEqual([mirrors, filling, changed], [["canonical"], ["other"], true]);
  assert.deepEqual(await unlisted(["half"]), { mirrors: ["canonical", "full"], filling: ["other"], changed: true });
  assert.deepEqual(await unlisted(["unknown"]), {
    mirrors: ["canonical", "full"],
    filling: ["half", "other"],
    changed: false,
  });
});

/** What the presence index says of a project after it left mirrors. */
async function unlisted(notIn: readonly string[]) {
  const entry = projectEntry(published);
  const held = { mirrors: ["canonical", "full"], filling: ["half", "other"] };
  const presence = replacePresence(emptyPresence, "demo", entry.presence, held);
  const mirror = mirrorOf(
    new Map([
      ...entry.documents,
      [indexKey, writeDocument(replaceEntry(emptyIndex, "demo", entry.index))],
      [presenceIndexKey, writeDocument(presence)],
    ]),
  );
  const lines = `${path} sha256:${"1".repeat(64)}\n`;
  const asked = { project: "demo", kind: "files", lines, prefix: "demo", notIn, mirrors: [], storage: {} } as const;
  const found = (await unlistLines(mirror, asked)) ?? assert.fail("the project is not listed");
  const { heldBy, filling } = found.entry;
  const after = replacePresence(presence, "demo", found.entry.presence, heldBy && { mirrors: heldBy, filling });
  return { mirrors: after.projects["demo"]?.mirrors, filling: after.projects["demo"]?.filling, changed: found.changed };
}

function mirrorOf(contents: ReadonlyMap<string, string>): CatalogueMirror {
  const bucket: Pick<Bucket, "url" | "stat" | "read"> = {
    url: "gs://files",
    stat: (key) => {
      const text = contents.get(key);
      return Promise.resolve(text === undefined ? undefined : { key, size: Buffer.byteLength(text), version: "1" });
    },
    read: ({ key }) =>
      Promise.resolve(
        (async function* () {
          yield await Promise.resolve(Buffer.from(contents.get(key)!));
        })(),
      ),
  };
  return new CatalogueMirror("canonical", bucket as Bucket, new AbortController().signal);
}
