import assert from "node:assert/strict";
import { createServer } from "node:net";
import { it } from "mocha";
import { type Allocation, Ports } from "../../../local/cloud/ports.ts";
import { claimBlock } from "../../support/ports.ts";

it("assigns each purpose a port and keeps it", async () => {
  const base = (await claimBlock(3)).base;
  const allocation: Allocation = {};
  const ports = new Ports({ base, size: 3 }, allocation);
  const taken = await Promise.all(["a", "b"].map((purpose) => ports.take(purpose)));
  assert.deepEqual(taken, [base, base + 1], "also when taken at the same time");
  assert.equal(await new Ports({ base, size: 3 }, allocation).take("b"), base + 1, "and after a restart");
  ports.release("a");
  assert.equal(await ports.take("c"), base);
  assert.equal(await ports.take("d"), base + 2);
  await assert.rejects(ports.take("e"), /No port left for the e in/);
  assert.throws(() => ports.portOf("e"), /The e has no port/);
});

it("reassigns a port outside the block: the user moved the block", async () => {
  const base = (await claimBlock(3)).base;
  assert.equal(await new Ports({ base, size: 2 }, { a: 9 }).take("a"), base);
});

it("names a port that another program uses, with its purpose", async () => {
  const base = (await claimBlock(3)).base;
  const rival = createServer();
  await new Promise<void>((resolve) => rival.listen(base, "127.0.0.1", resolve));
  try {
    const ports = new Ports({ base, size: 2 }, {});
    await assert.rejects(
      ports.take("registry us"),
      new RegExp(`^Error: Port ${base} on 127.0.0.1, wanted for the registry us, is used`),
    );
  } finally {
    rival.close();
  }
});
