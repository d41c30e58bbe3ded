import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { hasColours } from "../../../components/commands/output.ts";

const cases: readonly (readonly [title: string, isTTY: boolean, env: NodeJS.ProcessEnv, colours: boolean])[] = [
  ["a terminal", true, {}, true],
  ["a file", false, {}, false],
  ["a terminal in CI", true, { CI: "true" }, false],
  ["NO_COLOR", true, { NO_COLOR: "1" }, false],
  ["an empty NO_COLOR says nothing", true, { NO_COLOR: "" }, true],
  ["a terminal that has none", true, { TERM: "dumb" }, false],
];

describe("colours", () => {
  for (const [title, isTTY, env, colours] of cases)
    it(`${title}: ${colours ? "yes" : "no"}`, () => assert.equal(hasColours({ isTTY }, env), colours));
});
