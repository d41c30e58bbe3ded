import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { parse } from "yaml";
import {
  type CostedStack,
  costRows,
  costTotal,
  priceList,
  trafficFile,
} from "../../../components/commands/cost-model.ts";
import { fillMetrics } from "../../../components/monitoring/fill-metrics.ts";
import { findRegion, regions } from "../../../components/stack/geography.ts";
import { runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const root = join(import.meta.dirname, "../../..");
const prices = priceList.parse(parse(await readFile(join(root, "components/commands/prices.yaml"), "utf8")));

function stack(gcp: number, aws: number, min = 0): CostedStack {
  const of = (cloud: "gcp" | "aws", count: number) =>
    regions.filter((region) => region.cloud === cloud).slice(0, count);
  const [first, ...rest] = of("gcp", gcp);
  return {
    gcpRegions: [first!, ...rest],
    awsRegions: of("aws", aws),
    instances: { min, max: 10, minIn: {} },
    logSampleRate: 0.01,
  };
}

/** A month of one component. */
function month(rows: ReturnType<typeof costRows>, component: string): number {
  return Math.round(rows.filter((row) => row.component === component).reduce((sum, row) => sum + row.month, 0));
}

describe("the cost of a stack", () => {
  it("k8s.io's 12 TB of images and 8 TB of files, stored in 22 + 6 regions", () => {
    const rows = costRows(stack(22, 6), trafficFile.parse({ imagesGB: 12_000, filesGB: 8000 }), prices);
    assert.equal(month(rows, "image mirror"), 26_400);
    assert.equal(month(rows, "file mirror"), 3520);
    assert.equal(month(rows, "file mirror with layers"), 2760);
  });

  it("a multi-region has mirrors and no redirector; its bucket costs more, a price list without it says the same as of a region", () => {
    const europe = findRegion("gcp", "europe")!;
    const of = { ...stack(1, 0, 1), gcpRegions: [stack(1, 0).gcpRegions[0], europe] } as CostedStack;
    const rows = (list: typeof prices) =>
      costRows(of, trafficFile.parse({ imagesGB: 1000, filesGB: 1000 }), list).filter(
        ({ where }) => where === "europe",
      );
    assert.deepEqual(
      rows(prices).map(({ component, month: one }) => [component, Math.round(one)]),
      [
        ["image mirror", 100],
        ["file mirror", 26],
        ["egress", 0],
      ],
    );
    const { googleMultiRegionStorage: _, ...older } = prices;
    assert.equal(Math.round(rows(older)[1]!.month), 20);
  });

  it("egress by tiers of the cloud's whole month: 1,100 TB of each", () => {
    const google = costRows(stack(2, 0), trafficFile.parse({ otherEgressTB: 1100 }), prices);
    assert.equal(month(google, "egress"), 88_310);
    assert.deepEqual(
      google.filter(({ component }) => component === "egress").map(({ month: one }) => one),
      [44_155, 44_155],
    );
    const [gcp, s3] = [stack(1, 1).gcpRegions[0].name, stack(1, 1).awsRegions[0]!.name];
    const both = costRows(stack(1, 1), trafficFile.parse({ egressTB: { [gcp]: 0, [s3]: 1100 } }), prices);
    assert.equal(month(both, "egress"), 58_800);
    assert.deepEqual(
      both.filter(({ component }) => component === "egress").map(({ perTB }) => perTB),
      [120, 50],
    );
  });

  it("what leaves by a CDN of the program costs the CDN's price, and what it does not have comes from the bucket", async () => {
    const name = stack(1, 0).gcpRegions[0].name;
    const behind: CostedStack = { ...stack(1, 0), cloudCdn: { [name]: "cdn.example.org" } };
    const traffic = trafficFile.parse({ otherEgressTB: 1100, millionRequests: 100 });
    const rows = costRows(behind, traffic, prices);
    assert.deepEqual([month(rows, "egress"), month(rows, "CDN"), month(rows, "load balancer of CDNs")], [0, 32_175, 7]);
    const alerts = (of: CostedStack) => costRows(of, traffic, prices).find(({ component }) => component === "alerts")!;
    assert.equal((alerts(behind).month - alerts(stack(1, 0)).month).toFixed(2), "0.20");
    const page = (await readFile(join(root, "docs/costs.md"), "utf8")).replaceAll("\n", " ");
    assert.match(page, /are 88,310 USD without it and 32,100 with it/);
    const { googleCdn: _, ...older } = prices;
    assert.equal(month(costRows(behind, traffic, older), "egress"), 88_310, "a price list without it");
  });

  it("profiles at k8s.io's traffic cost what docs/costs.md says", async () => {
    const store = { name: "r2", bucket: "b", endpoint: "https://r2", region: "auto", url: "https://i", keys: "R2" };
    const r2 = { ...store, near: "us-east4", costClass: 0 };
    const s3 = stack(22, 6).awsRegions.map(({ name }) => name);
    const common = { imagesGB: 12_000, filesGB: 8000, stagingGB: 0, millionRequests: 5000 };
    const allFrom = (names: readonly string[], all: CostedStack) => ({
      ...common,
      ...(names.length === 0 && { otherEgressTB: 1100 }),
      egressTB: Object.fromEntries(
        names.length === 0
          ? []
          : [...all.gcpRegions, ...all.awsRegions, ...(all.imageStores ?? [])].map(({ name }) => [
              name,
              names.includes(name) ? 1100 / names.length : 0,
            ]),
      ),
    });
    const google = stack(22, 6, 1);
    const profiles: [what: string, profile: CostedStack, from: readonly string[]][] = [
      ["Artifact Registry in 22 regions", google, google.gcpRegions.map(({ name }) => name)],
      ["and S3 in 6, `cheapest`", { ...google, imageBuckets: new Set(s3) }, s3],
      [
        "22 regions and R2 with half of the clients, `shares`",
        { ...stack(22, 0, 1), imageStores: [r2], clientShares: { r2: 50 } },
        [],
      ],
      ["3 + 6 regions and R2, `cheapest`", { ...stack(3, 6, 1), imageStores: [r2] }, ["r2"]],
    ];
    const computed = profiles.map(([what, profile, from]) => {
      const rows = costRows(profile, trafficFile.parse(allFrom(from, profile)), prices);
      const sum = (matches: (component: string) => boolean) =>
        Math.round(rows.filter(({ component }) => matches(component)).reduce((usd, row) => usd + row.month, 0));
      const isStored = (component: string) => /mirror/.test(component) && !/reads/.test(component);
      const storage = sum(isStored) + sum((component) => component === "image store");
      const amounts = [storage, sum((component) => component === "egress"), Math.round(costTotal(rows).month)];
      return `| ${[what, ...amounts.map((usd) => usd.toLocaleString("en-US"))].join(" | ")} |`;
    });
    const page = await readFile(join(root, "docs/costs.md"), "utf8");
    const written = page
      .split("\n")
      .filter((line) => computed.some((row) => line.startsWith(row.split("|", 2).join("|"))));
    assert.deepEqual(written, computed);
  });

  it("a million requests are about 1.7 USD at the edge policy and the instances, plus reads and logs", () => {
    const rows = costRows(stack(2, 0), trafficFile.parse({ millionRequests: 1 }), prices);
    const sum = rows.reduce((total, row) => total + (row.perMillionRequests ?? 0), 0);
    assert.ok(Math.abs(sum - (0.92 + 0.75 + 0.4 + 0.0085)) < 1e-9, String(sum));
    const { atRest, month: whole } = costTotal(rows);
    assert.ok(Math.abs(whole - atRest - sum) < 1e-9);
  });

  it("a small organisation with two regions pays about 31 USD at rest, and 50 for each instance that always runs", () => {
    const small = trafficFile.parse({ imagesGB: 50, filesGB: 20, stagingGB: 0 });
    const { atRest } = costTotal(costRows(stack(2, 0), small, prices));
    assert.ok(atRest > 31 && atRest < 45, String(atRest));
    assert.equal(Math.round(costTotal(costRows(stack(2, 0, 1), small, prices)).atRest - atRest), 100);
  });

  it("knows as many alerts as the program makes", async () => {
    const golden = await readFile(join(root, "test/graph/program.golden.yaml"), "utf8");
    const made = golden.match(/^ *gcp AlertPolicy /gm)?.length ?? 0;
    const rows = costRows(stack(1, 0), trafficFile.parse({}), prices);
    assert.equal(
      rows.find(({ component }) => component === "alerts")?.atRest.toFixed(2),
      (made * prices.alert.perMonth).toFixed(2),
    );
    const withSentBytes = costRows({ ...stack(1, 0), sentGibPerDay: 1 }, trafficFile.parse({}), prices);
    const extra = costTotal(withSentBytes).atRest - costTotal(rows).atRest;
    assert.equal(extra.toFixed(2), prices.alert.perMonth.toFixed(2));
    const withFills = costRows({ ...stack(1, 0), fillAbove: 1 }, trafficFile.parse({}), prices);
    const fills = costTotal(withFills).atRest - costTotal(rows).atRest;
    const declared = fillMetrics.filter(({ alert }) => alert !== undefined).length;
    assert.equal(fills.toFixed(2), (declared * prices.alert.perMonth).toFixed(2));
  });
});

describe("npm run cost", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "cost-"));
    await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
    await writeFile(join(folder, "traffic.yaml"), "imagesGB: 100\notherEgressTB: 3\nmillionRequests: 40\n");
    await writeFile(join(folder, "wrong.yaml"), "imagesGB: much\negressGB: 3\n");
    await writeFile(join(folder, "elsewhere.yaml"), "egressTB: {mars-1: 1}\n");
  });
  after(() => rm(folder, { recursive: true }));

  const run = (...args: string[]) => runArtifacts(["cost", ...args], { cwd: folder });

  it("prints a table for the stack, with a total, the date of the prices and their file", async () => {
    const { code, out, err } = await run("--traffic", "traffic.yaml");
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    assert.match(out, /^COMPONENT +WHERE +AT REST +PER TB +PER MILLION REQUESTS +A MONTH\n/);
    assert.match(out, /^total +[\d,.]+ +[\d,.]+$/m);
    assert.match(out, /^USD a month at list prices of \d{4}-\d\d-\d\d \(components\/commands\/prices\.yaml\)/m);
    const { rows, month: whole } = JSON.parse((await run("--json")).out) as {
      rows: { month: number }[];
      month: number;
    };
    assert.ok(Math.abs(rows.reduce((sum, row) => sum + row.month, 0) - whole) < 1e-6);
  });

  it("names every mistake of a file, and a region that the stack does not have", async () => {
    const wrong = await run("--traffic", "wrong.yaml");
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.err,
      /^error: wrong\.yaml: imagesGB: must be a number\nwrong\.yaml: Unrecognized key: "egressGB"\n$/,
    );
    assert.match(
      (await run("--traffic", "elsewhere.yaml")).err,
      /egressTB: Pulumi\.prod\.yaml has no region mars-1; it has /,
    );
    assert.match((await run("--prices", "none.yaml")).err, /^error: there is no none\.yaml/);
    assert.match((await run("--stack", "none")).err, /^error: there is no Pulumi\.none\.yaml: name the stack/);
  });
});
