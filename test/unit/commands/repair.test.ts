/** `artifacts sync` repairs what a deployment brought to a mirror; it takes no project out of one. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { filesRuns, type Runs, repairMirror } from "../../../components/commands/repair.ts";
import type { FilesRequest } from "../../../components/promotion/run/request.ts";

const mirror = (name: string) => ({ name, url: `gs://${name}`, publicUrl: "" });
const request = {
  project: "tool",
  mirrors: [mirror("files-gcp-us-central1")],
  unplaced: [mirror("files-gcp-asia-east1")],
} as unknown as FilesRequest;

for (const repair of ["do", "say"] as const) {
  describe(`repair (${repair}) of`, () => {
    it("a mirror in which the project is placed: what it lacks comes back", async () => {
      const { ended, asked } = await repaired("files-gcp-us-central1", "+ a sha256:1\n");
      assert.deepEqual([ended.differs, ended.failures], [true, []]);
      assert.deepEqual(asked, [repair]);
    });

    it("one in which it is not: nothing is removed, and the deployment is named", async () => {
      const { ended, asked } = await repaired("files-gcp-asia-east1", "- a sha256:1\n- b sha256:2\n");
      assert.deepEqual(ended.failures, [
        "tool files: files-gcp-asia-east1 has 2 lines of it, where the project is not placed: `pulumi up` removes that, no repair does",
      ]);
      assert.deepEqual([ended.differs, ended.steps, asked], [true, [], []]);
    });
  });

  async function repaired(name: string, differs: string) {
    const asked: string[] = [];
    const runs = {
      ...filesRuns,
      takeInventory: async () => ({ incomplete: { [name]: differs }, failures: [] }),
      preview: async () => {
        asked.push("say");
        return { lines: [], warnings: [], errors: [] };
      },
      promote: async () => {
        asked.push("do");
        return { summary: "", failures: [], incomplete: {} };
      },
    } as unknown as Runs<FilesRequest>;
    const how = { repair, isDeep: false } as const;
    const ended = await repairMirror(name, how, { index: 1, count: 1 }, request, runs, new AbortController().signal);
    return { ended, asked };
  }
}
