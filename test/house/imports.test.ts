/** The rules that hold the house together (../../.dependency-cruiser.json says which and why), and that they bite. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import config from "../../.dependency-cruiser.json" with { type: "json" };

type Rules = NonNullable<Parameters<typeof cruise>[1]>["ruleSet"];

async function violations(ruleSet: Rules): Promise<string[]> {
  const { output } = await cruise(["index.ts", "components", "redirector", "local", "test"], {
    ...(config.options as object),
    validate: true,
    ruleSet: ruleSet ?? {},
  });
  return (output as ICruiseResult).summary.violations.map((v) => `${v.rule.name}: ${v.from} -> ${v.to}`);
}

test("nothing imports what it may not", async () => {
  assert.deepEqual(await violations({ forbidden: config.forbidden } as Rules), []);
});

test("the rules bite: turned round, each one finds imports", async () => {
  for (const rule of config.forbidden) {
    if (!("to" in rule) || rule.name === "no-cycles") continue;
    // Every `from` folder does import something, so a rule that forbids everything must find violations in it.
    const everything = { ...rule, from: { path: rule.from.path }, to: { path: "." } };
    assert.notEqual((await violations({ forbidden: [everything] } as Rules)).length, 0, rule.name);
  }
});
