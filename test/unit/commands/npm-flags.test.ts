import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { flagsTakenByNpm } from "../../../components/commands/npm-flags.ts";

const own = ["stack", "dry-run", "json"];
const run = { npm_command: "run-script" };

/** What stands in the environment of a script, and what is found in it. */
const cases: readonly (readonly [title: string, env: NodeJS.ProcessEnv, taken: readonly string[]])[] = [
  ["an option of the command", { ...run, npm_config_dry_run: "true" }, ["--dry-run"]],
  ["with a value", { ...run, npm_config_stack: "prod" }, ["--stack"]],
  ["one that nobody knows", { ...run, npm_config_preview_ony: "true" }, ["--preview-ony"]],
  ["npm's own settings", { ...run, npm_config_loglevel: "warn", npm_config_user_agent: "npm" }, []],
  ["an option of npm's that is off", { ...run, npm_config_json: "" }, []],
  ["a registry's token", { ...run, "npm_config_//npm.example.org/:_authToken": "x" }, []],
  ["a setting of the machine's .npmrc", { ...run, npm_config_electron_mirror: "x" }, []],
  ["an .npmrc that has a setting of the same name as an option", { ...run, npm_config_json: "true" }, ["--json"]],
  ["without npm", { npm_config_stack: "prod" }, []],
  ["npx passes everything on", { npm_command: "exec", npm_config_json: "true" }, []],
];

describe("options that npm took", () => {
  for (const [title, env, taken] of cases)
    it(title, () =>
      assert.deepEqual(
        flagsTakenByNpm(env, own, () => ["electron_mirror"]),
        taken,
      ),
    );
});
