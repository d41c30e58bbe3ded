import assert from "node:assert/strict";
import { it } from "mocha";
import { RemovalRefused } from "../../../../components/promotion/run/removal-guard.ts";
import type { Differences, FileMirror, FilesRequest } from "../../../../components/promotion/run/request.ts";
import { departureOf, printDeparture, withUnplaced } from "../../../../components/promotion/run/unplaced-mirrors.ts";

const kind = {
  lines: ({ files }: FilesRequest) => files,
  emptied: (request: FilesRequest) => ({ ...request, files: "" }),
};
const mirror = (name: string): FileMirror => ({ name, kind: "gcs", bucket: `bucket-${name}`, region: name });
const [us, eu, asia] = [mirror("us"), mirror("eu"), mirror("asia")];
const line = (path: string) => `${path} sha256:${"a".repeat(64)}`;
const ab = `${line("a")}\n${line("b")}\n`;

function request(mirrors: readonly FileMirror[], unplaced?: readonly FileMirror[], removalShare = 0.5): FilesRequest {
  const common = { project: "p", files: ab, prefix: "p", staging: "s", removalShare, storage: {} };
  return { ...common, mirrors, ...(unplaced && { unplaced }) };
}

const departure = (now: FilesRequest, before: FilesRequest, incomplete: Differences = {}) =>
  departureOf(kind, now, { request: before, incomplete });

it("a project leaves a mirror with what the last run brought there, by what is known of it", () => {
  const left = departure(request([us, eu], [asia]), request([us, eu, asia]), {
    asia: `+ ${line("a")}\n- ${line("c")}\n`,
  });
  assert.deepEqual(left?.previous.incomplete, { asia: `- ${line("b")}\n- ${line("c")}\n` });
  assert.deepEqual(left?.request, { ...request([asia], undefined, 1), files: "" });
  assert.deepEqual(printDeparture(left!), [
    "remove the whole project (2 lines) from asia: its regions do not include it; the other mirrors keep it",
  ]);
});

it("nothing leaves a mirror that never had the project, nor one that is no longer of the stack, nor a first run", () => {
  assert.equal(departure(request([us], [asia]), request([us], [asia])), undefined);
  assert.equal(departure(request([us]), request([us, asia])), undefined);
  assert.equal(departure(request([us], [asia]), request([us, { ...asia, bucket: "another" }])), undefined);
  assert.equal(departureOf(kind, request([us], [asia]), undefined), undefined);
});

it("what was found or left where the project is not placed is removed, whatever the share", () => {
  const now = request([us], [asia], 0);
  const left = departure(now, now, { asia: `- ${line("x")}\n` });
  assert.deepEqual(left?.previous.incomplete, { asia: `- ${line("x")}\n` });
});

it("the guard counts the mirrors that a project leaves", () => {
  assert.throws(
    () => departure(request([us], [eu, asia]), request([us, eu, asia])),
    (error) => {
      assert.ok(error instanceof RemovalRefused);
      assert.equal(
        error.message,
        "p: this would remove the whole project from 2 of its 3 mirrors (67%), more than the 50% that removalShare in its project.yaml allows",
      );
      return true;
    },
  );
  assert.ok(departure(request([us], [eu, asia], 1), request([us, eu, asia])));
});

it("an inventory shows all that is in a mirror where the project is not placed, and which of them could not be read", async () => {
  const nothing = { text: ab, incomplete: {}, failures: [] };
  const found: Record<string, string> = { eu: `+ ${line("a")}\n`, asia: `+ ${line("a")}\n+ ${line("b")}\n` };
  const inventory = await withUnplaced(
    kind,
    request([us], [eu, asia, mirror("down")]),
    nothing,
    async ({ mirrors }) => {
      const [{ name } = us] = mirrors;
      assert.equal(mirrors.length, 1);
      return name === "down"
        ? { ...nothing, failures: ["down cannot be read"] }
        : { ...nothing, incomplete: { [name]: found[name]! } };
    },
  );
  assert.deepEqual(inventory, {
    text: ab,
    incomplete: { eu: `- ${line("b")}\n` },
    failures: ["down cannot be read"],
  });
});
