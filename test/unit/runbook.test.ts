/** Every recovery of docs/operating.md is followed by a rehearsal, and no other command of it is run by no test. */
import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "mocha";
import { commandsBySection, followedSections } from "../support/documents/section-commands.ts";

const root = join(import.meta.dirname, "../..");

/** What can't be run here, as the runbook says beside it. */
const untested = [
  "gcloud auth application-default login",
  "gcloud run services update-traffic",
  "gcloud artifacts docker images delete",
  "gcloud storage rm",
];

/** Sections that other tests run, with the test. */
const ranElsewhere: Readonly<Record<string, string>> = {
  "What is the matter": "test/rehearsal/rehearsal.test.ts",
  "Filling a region": "test/contract/audit-sync.test.ts",
  "A fill fails or stands still": "test/contract/fill-start.test.ts",
  "Reading mirrors back": "test/contract/audit-start.test.ts",
  "A mirror has other bytes": "test/rehearsal/audit.test.ts",
  "A CDN could not be purged": "test/contract/object-store-mirrors/cdn.test.ts",
  "A redirector anywhere": "test/contract/object-store-mirrors/redirector.test.ts",
};

describe("the runbook", () => {
  let document: string;
  before(async () => {
    document = await readFile(join(root, "docs/operating.md"), "utf8");
  });

  it("has no recovery that no rehearsal follows", async () => {
    const [sections, followed] = [await commandsBySection("docs/operating.md"), await followedSections()];
    const withCommands = [...sections].filter(([, commands]) => commands.length > 0).map(([heading]) => heading);
    assert.ok(withCommands.length > 10, withCommands.join("; "));
    assert.deepEqual(
      withCommands.filter((heading) => !followed.has(heading) && ranElsewhere[heading] === undefined),
      [],
    );
    assert.deepEqual(
      [...followed].filter((heading) => !withCommands.includes(heading)),
      [],
      "headings that drills follow",
    );
  });

  it("has no command in its sentences that no test runs", async () => {
    const runbook = /^## Runbook\n(.*?)^## /ms.exec(document)?.[1] ?? "";
    const commands = [...runbook.matchAll(/`((?:pulumi|npm|gcloud) [^`]+)`/g)].map(([, command = ""]) =>
      command.replaceAll(/\s+/g, " "),
    );
    assert.ok(commands.length >= 8, commands.join("; "));
    let tests = "";
    for await (const file of glob("test/{rehearsal,contract}/**/*.ts", { cwd: root })) {
      tests += await readFile(join(root, file), "utf8");
    }
    for (const command of commands) {
      if (untested.some((one) => command.startsWith(one))) continue;
      // Up to what is the operator's own: names, files, the stack.
      const [known = ""] = command.split(/ (?:-- |<|prod\b|--stack|--file <)/);
      const script = /^npm run (\w+)/.exec(known)?.[1];
      const ran =
        script === undefined
          ? tests.includes(known)
          : new RegExp(`npm run ${script}|commands/${script}|"${script}"`).test(tests);
      assert.ok(ran, `no test runs: ${command}`);
    }
  });
});
