import assert from "node:assert/strict";
import { it } from "mocha";
import { resolve } from "../../../local/cloud/dns.ts";

const https = { name: "h", address: "203.0.113.1", addressPort: 443, https: true, port: 5510 };
const http = { ...https, name: "p", addressPort: 80, https: false, port: 5511 };

it("resolves a host over CNAMEs and addresses to a loopback port", () => {
  const records = [
    { name: "www.a.org", type: "CNAME", content: "a.org" },
    { name: "a.org", type: "A", content: "203.0.113.1" },
    { name: "loop.a.org", type: "CNAME", content: "loop.a.org" },
  ];
  assert.equal(resolve(records, [https, http], "WWW.a.org", 443), https);
  assert.equal(resolve(records, [https, http], "a.org", 80), http);
  assert.throws(
    () => resolve(records, [https], "a.org", 80),
    /Nothing listens on port 80 of 203\.0\.113\.1 \(a\.org\)/,
  );
  assert.throws(() => resolve(records, [https], "b.org", 443), /DNS: no A or AAAA record for b\.org/);
  assert.throws(() => resolve(records, [https], "loop.a.org", 443), /no A or AAAA record/);
});
