/** State, key and identity pool in a project of their own: what is there, and who may do what there. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

describe("a seed project", () => {
  let resources: readonly Declared[];
  let without: readonly Declared[];
  before(async () => {
    const seed = {
      "artifacts:seedProject": "demo-seed",
      "artifacts:seedProjectNumber": "987654321",
      "artifacts:stateKey": "projects/demo-seed/locations/us/keyRings/artifacts/cryptoKeys/state",
    };
    without = await declare(everything, manifests);
    resources = await declare({ ...everything, ...seed }, manifests);
  });
  const short = ({ type, name }: Declared): string => `${type.slice(type.lastIndexOf(":") + 1)} ${name}`;
  const inSeed = (): readonly Declared[] => resources.filter(({ inputs }) => inputs["project"] === "demo-seed");

  it("has the pool and the reads of a comparison, and nothing of production", () => {
    assert.deepEqual(inSeed().map(short).sort(), [
      "IAMAuditConfig identities-seed-audit-storage",
      "IAMBinding identities-seed-role",
      "IAMCustomRole identities-seed",
      "WorkloadIdentityPool identities-github",
      "WorkloadIdentityPoolProvider identities-github",
    ]);
  });

  it("gives nobody the right to change anything there", () => {
    const roles = inSeed().filter(({ type }) => type.endsWith(":IAMCustomRole"));
    for (const { inputs } of roles)
      for (const permission of inputs["permissions"] as string[])
        assert.match(permission, /\.get(IamPolicy|AttestationRules)?$/);
    const bindings = inSeed().filter(({ type }) => type.endsWith(":IAMBinding"));
    assert.deepEqual(
      bindings.map(({ inputs }) => inputs["role"]),
      ["projects/demo-seed/roles/artifactsSeed"],
    );
  });

  it("changes nothing else but the key", () => {
    const text = (all: readonly Declared[]) =>
      new Map(
        all
          .filter(({ inputs }) => inputs["project"] !== "demo-seed")
          .map((one) => [`${one.type} ${one.name}`, JSON.stringify(one.inputs)]),
      );
    const [old, now] = [text(without), text(resources)];
    const changed = [...now].filter(([key, inputs]) => old.get(key) !== inputs).map(([key]) => key);
    assert.deepEqual(changed.map((key) => key.replace(/^.*:/, "")).sort(), [
      "CryptoKeyIAMBinding identities-state-key",
      "CryptoKeyIAMBinding identities-state-key-read",
    ]);
  });
});
