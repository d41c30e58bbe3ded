import assert from "node:assert/strict";
import { it } from "mocha";
import { dnssecReport } from "../../../components/commands/dnssec.ts";

const ds = "example.org. 3600 IN DS 2371 13 2 AB";

it("DNSSEC: what each state of Cloudflare's means, what to do, and the exit code", () => {
  const said = (status: string, record: string | null = ds) => dnssecReport({ status, ds: record }, "prod");
  assert.deepEqual(said("active"), {
    line: `active: the zone is signed, and the registrar has its DS record ${ds}`,
    next: [],
    code: 0,
  });
  const pending = said("pending");
  assert.equal(pending.code, 3);
  assert.ok(pending.line.endsWith(ds));
  assert.match(pending.next[0] ?? "", /enter the DS record at the registrar/);
  for (const status of ["disabled", "pending-disabled", "error"]) {
    const other = said(status, null);
    // Not 3: the comparison each night must name it.
    assert.equal(other.code, 1, status);
    assert.match(other.next[0] ?? "", /delete it there/);
  }
  assert.doesNotMatch(said("\u202eactive").line, /\u202e/);
});
