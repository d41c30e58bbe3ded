import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { type Existing, existingThings } from "../../../components/adoption/existing.ts";
import { type LoopbackServer, serveOnLoopback } from "../../support/loopback-server.ts";

const zone = "0123456789abcdef0123456789abcdef";

/** The lists as the two APIs give them, in pages. */
const answers: Readonly<Record<string, object>> = {
  "/v3/projects/p/alertPolicies?pageSize=100&pageToken=": {
    alertPolicies: [{ name: "projects/p/alertPolicies/1", displayName: "down" }],
    nextPageToken: "a b",
  },
  "/v3/projects/p/alertPolicies?pageSize=100&pageToken=a%20b": {
    alertPolicies: [
      { name: "projects/p/alertPolicies/2", displayName: "slow" },
      { name: "projects/p/alertPolicies/3", displayName: "twice" },
      { name: "projects/p/alertPolicies/4", displayName: "twice" },
    ],
  },
  "/v1/projects/p/dashboards?pageSize=100&pageToken=": {
    dashboards: [{ name: "projects/7/dashboards/8", displayName: "artifacts.example.org" }],
  },
  "DELETE /v3/projects/p/services/redirector/serviceLevelObjectives/latency": {},
  "DELETE /v3/projects/p/services/redirector/serviceLevelObjectives/absent": { error: { code: 404 } },
  "DELETE /client/v4/accounts/a/r2/buckets/b/domains/custom/images.example.org": {},
  "DELETE /client/v4/accounts/a/r2/buckets/b/domains/custom/absent": { errors: [{ code: 10_059 }] },
  "/v3/projects/p/notificationChannels?pageSize=100&pageToken=": {},
  "/budgets/v1/billingAccounts/0A-1B-2C/budgets?pageSize=100&pageToken=": {
    budgets: [{ name: "billingAccounts/0A-1B-2C/budgets/d1", displayName: "another" }],
    nextPageToken: "next",
  },
  "/budgets/v1/billingAccounts/0A-1B-2C/budgets?pageSize=100&pageToken=next": {
    budgets: [{ name: "billingAccounts/0A-1B-2C/budgets/d2", displayName: "artifacts.example.org" }],
  },
  [`/client/v4/zones/${zone}/dns_records?per_page=100&page=1`]: {
    result: [{ id: "r1", comment: "artifacts: A" }, { id: "r2" }],
    result_info: { total_pages: 2 },
  },
  [`/client/v4/zones/${zone}/dns_records?per_page=100&page=2`]: {
    result: [{ id: "r3", comment: "artifacts: AAAA" }],
    result_info: { total_pages: 2 },
  },
};

const asked: string[] = [];
let jurisdiction: unknown;
let server: LoopbackServer;
let existing: Existing;

describe("lookup of existing resources", () => {
  before(async () => {
    server = await serveOnLoopback((request, response) => {
      asked.push(`${request.method === "GET" ? "" : `${request.method} `}${request.url ?? ""}`);
      jurisdiction = request.headers["cf-r2-jurisdiction"];
      const answer = answers[asked.at(-1)!];
      response.writeHead(answer === undefined ? 403 : asked.at(-1)!.endsWith("/absent") ? 404 : 200, {
        "content-type": "application/json",
      });
      response.end(answer === undefined ? "no permission" : JSON.stringify(answer));
    });
    const base = server.url;
    existing = existingThings({
      project: "p",
      host: "artifacts.example.org",
      monitoringEndpoint: `${base}/`,
      billingEndpoint: `${base}/budgets/v1/`,
      cloudflareEndpoint: `${base}/client/v4/`,
    });
  });

  after(() => server.close());

  it("finds a resource by its display name, on any page; undefined if absent", async () => {
    assert.equal(await existing.monitoring("alertPolicies", "down"), "projects/p/alertPolicies/1");
    assert.equal(await existing.monitoring("alertPolicies", "slow"), "projects/p/alertPolicies/2");
    assert.equal(await existing.monitoring("alertPolicies", "other"), undefined);
    assert.equal(await existing.monitoring("notificationChannels", "any"), undefined);
    assert.equal(
      await existing.dashboard(),
      "projects/p/dashboards/8",
      "an id with the project's number would replace it",
    );
  });

  it("a budget is found in its billing account, on any page", async () => {
    assert.equal(await existing.budget("0A-1B-2C", "artifacts.example.org"), "billingAccounts/0A-1B-2C/budgets/d2");
    assert.equal(await existing.budget("0A-1B-2C", "third"), undefined);
  });

  it("a DNS record is found by its comment, on any page", async () => {
    assert.equal(await existing.dnsRecord(zone, "artifacts: A"), `${zone}/r1`);
    assert.equal(await existing.dnsRecord(zone, "artifacts: AAAA"), `${zone}/r3`);
    assert.equal(await existing.dnsRecord(zone, "artifacts: CAA"), undefined);
  });

  it("reads each page once", () => assert.equal(new Set(asked).size, asked.length));

  it("refuses two resources with one name as ambiguous", async () => {
    await assert.rejects(existing.monitoring("alertPolicies", "twice"), /more than one "twice"/);
  });

  it("deletes an objective by its name; a missing one is no error, a refusal is", async () => {
    await existing.removeObjective("redirector", "latency");
    await existing.removeObjective("redirector", "absent");
    await assert.rejects(
      existing.removeObjective("redirector", "refused"),
      /unexpected response from http.*refused: 403/,
    );
  });

  it("takes a domain off a bucket of R2; a missing one is no error, a refusal is", async () => {
    await existing.removeR2Domain("a", "b", "eu", "images.example.org");
    assert.equal(jurisdiction, "eu");
    await existing.removeR2Domain("a", "b", "default", "absent");
    await assert.rejects(existing.removeR2Domain("a", "b", "default", "refused"), /refused: 403/);
  });

  it("a list that can't be read is an error with its address", async () => {
    await assert.rejects(
      existing.monitoring("uptimeCheckConfigs", "x"),
      /http:\/\/127.*\/v3\/projects\/p\/uptimeCheckConfigs.* 403 no permission/,
    );
    const nowhere = existingThings({
      project: "p",
      host: "h",
      monitoringEndpoint: "http://127.0.0.1:1/",
      billingEndpoint: undefined,
      cloudflareEndpoint: undefined,
    });
    await assert.rejects(nowhere.dashboard(), /no response from http:\/\/127\.0\.0\.1:1\//);
  });
});
