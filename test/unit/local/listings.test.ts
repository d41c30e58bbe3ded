import assert from "node:assert/strict";
import { it } from "mocha";
import { existingThings } from "../../../components/adoption/existing.ts";
import { CloudInventory, type Resource } from "../../../local/cloud/inventory.ts";
import { listing } from "../../../local/cloud/listings.ts";
import { afterTest } from "../../support/cleanup.ts";

const zone = "0123456789abcdef0123456789abcdef";
const resource = (type: string, id: string, inputs: Resource["inputs"]): Resource => ({
  type,
  id,
  inputs,
  computed: {},
  config: {},
});
const inventory = new CloudInventory(
  "unused",
  [
    resource("gcp:monitoring/dashboard:Dashboard", "projects/1/dashboards/2", {
      dashboardJson: JSON.stringify({ displayName: "artifacts.example.org" }),
    }),
    ...Array.from({ length: 650 }, (_, i) =>
      resource("gcp:monitoring/alertPolicy:AlertPolicy", `projects/p/alertPolicies/${i}`, {
        displayName: `alert ${i}`,
      }),
    ),
    ...Array.from({ length: 250 }, (_, i) =>
      resource("cloudflare:index/dnsRecord:DnsRecord", `r${i}`, {
        zoneId: zone,
        name: `n${i}`,
        comment: `record ${i}`,
      }),
    ),
    ...["A", "B"].map((account) =>
      resource("gcp:billing/budget:Budget", `billingAccounts/${account}/budgets/7`, {
        billingAccount: account,
        displayName: "artifacts.example.org",
      }),
    ),
    resource("cloudflare:index/dnsRecord:DnsRecord", "other", { zoneId: "f00", name: "n", comment: "record 7" }),
  ],
  {},
);

it("the program finds resources with assigned ids in these lists, on any page", async () => {
  const asked: string[] = [];
  const { fetch } = globalThis;
  afterTest(() => Object.assign(globalThis, { fetch }));
  const answering = async (address: string) => {
    asked.push(address);
    const body = listing(inventory, new URL(address));
    return new Response(JSON.stringify(body ?? {}), { status: body === undefined ? 404 : 200 });
  };
  Object.assign(globalThis, { fetch: answering });
  const existing = existingThings({
    project: "p",
    host: "artifacts.example.org",
    monitoringEndpoint: "http://127.0.0.1:5500/apis/monitoring/",
    billingEndpoint: "http://127.0.0.1:5500/apis/billingbudgets/v1/",
    cloudflareEndpoint: "http://127.0.0.1:5500/apis/cloudflare/client/v4",
  });
  assert.equal(await existing.monitoring("alertPolicies", "alert 640"), "projects/p/alertPolicies/640");
  assert.equal(await existing.monitoring("alertPolicies", "alert 650"), undefined);
  assert.equal(await existing.dashboard(), "projects/p/dashboards/2", "by the project's id");
  assert.equal(await existing.budget("B", "artifacts.example.org"), "billingAccounts/B/budgets/7");
  assert.equal(await existing.budget("C", "artifacts.example.org"), undefined);
  assert.equal(await existing.dnsRecord(zone, "record 249"), `${zone}/r249`);
  assert.equal(await existing.dnsRecord(zone, "record 7"), `${zone}/r7`);
  assert.ok(asked.length >= 6, asked.join("\n"));
});

it("has no other lists", () => {
  for (const path of ["/apis/monitoring/v3/projects/p/groups", "/apis/monitoring/v3/projects/p/toString", "/apis/"]) {
    assert.equal(listing(inventory, new URL(path, "http://127.0.0.1")), undefined);
  }
});
