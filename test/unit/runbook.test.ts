/** The runbook (docs/operating.md) has no command that no test runs. */
import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "mocha";

const root = join(import.meta.dirname, "../..");

/** What can't be run here, as the runbook says beside it. */
const untested = [
  "gcloud auth application-default login",
  "gcloud run services update-traffic",
  "gcloud artifacts docker images delete",
  "gcloud storage rm",
];

it("every command of the runbook is run in a rehearsal or against real servers", async () => {
  const document = await readFile(join(root, "docs/operating.md"), "utf8");
  const runbook = /^## Runbook\n(.*?)^## /ms.exec(document)?.[1] ?? "";
  const commands = [...runbook.matchAll(/`((?:pulumi|npm|gcloud) [^`]+)`/g)].map(([, command = ""]) =>
    command.replaceAll(/\s+/g, " "),
  );
  assert.ok(commands.length > 10, commands.join("; "));
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
