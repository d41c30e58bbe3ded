/** The rules that hold the house together (../../.dependency-cruiser.json says which and why), and that they bite. */
import assert from "node:assert/strict";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { it } from "mocha";
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

it("nothing imports what it may not", async () => {
  assert.deepEqual(await violations({ forbidden: config.forbidden } as Rules), []);
});

it("the rules bite: turned round, each one finds imports", async () => {
  // Every `from` folder imports something, so a rule that forbids everything there must find violations.
  const rules = config.forbidden.filter(({ name }) => name !== "no-cycles");
  const everything = rules.map((rule) => ({ ...rule, from: { path: rule.from.path }, to: { path: "." } }));
  const found = await violations({ forbidden: everything } as Rules);
  for (const { name } of rules)
    assert.ok(
      found.some((one) => one.startsWith(`${name}: `)),
      name,
    );
});
