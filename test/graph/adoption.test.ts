import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import * as pulumi from "@pulumi/pulumi";
import { before, describe, it } from "mocha";
import { type AdoptionContext, adoption, importIds, settable } from "../../components/adoption/adoption.ts";
import { absentIn, knownTo, readAdoptionList, resourceKey } from "../../components/adoption/adoption-list.ts";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";

let resources: readonly Declared[];

describe("adoption of existing resources", () => {
  before(async () => {
    resources = (await declare(everything, manifests)).filter(({ component }) => !component);
  });

  const removed: string[] = [];
  const context: AdoptionContext = {
    project: "demo-project",
    awsAccount: "123456789012",
    existing: {
      monitoring: async (collection, displayName) => `projects/demo-project/${collection}/${displayName}`,
      dashboard: async () => "projects/1234/dashboards/5678",
      budget: async (account, displayName) => `billingAccounts/${account}/budgets/${displayName}`,
      dnsRecord: async (zoneId, comment) => `${zoneId}/${comment}`,
      removeObjective: async (service, objective) => void removed.push(`${service}/${objective}`),
      removeR2Domain: async (...domain) => void removed.push(domain.join("/")),
    },
    failed: async (urn) => urn.endsWith("::failed"),
    known: [resourceKey("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", "redirector-us-central1")],
    absent: ["gone"],
  };

  it("every type of the program is either adopted or set anew, none is both", async () => {
    const names = resources.map(({ type }) => type);
    for (const name of ["cloud-dns", "route53"]) {
      const { config, manifests: texts } = await organisation(name);
      const declared = await declare(config, texts);
      names.push(...declared.filter(({ component }) => !component).map(({ type }) => type));
    }
    const types = [...new Set(names)].sort();
    const known = [...Object.keys(importIds), ...Object.keys(settable)].sort();
    assert.deepEqual(known, types);
  });

  it("no two resources are taken for the same thing", async () => {
    const ids = new Map<string, string>();
    for (const { type, name, inputs } of resources) {
      const id = await importIds[type]?.(inputs, context);
      if (importIds[type] === undefined) continue;
      assert.ok(id, `${type} ${name} has no id`);
      assert.equal(ids.get(`${type} ${id}`), undefined, `${name}: ${id} is taken already`);
      ids.set(`${type} ${id}`, name);
    }
    assert.ok(ids.size > 30);
  });

  it("objectives are deleted, not imported: an import would be replaced, and end the whole run", async () => {
    const type = "gcp:monitoring/slo:Slo";
    const transform = adoption({ ...context, known: [resourceKey(type, "known")] });
    const adopt = (name: string) =>
      transform({ type, name, props: { service: "redirector", sloId: name }, opts: {}, custom: true } as Parameters<
        typeof transform
      >[0]);
    assert.equal(await adopt("latency"), undefined);
    assert.equal(await adopt("known"), undefined);
    assert.deepEqual(removed.splice(0), ["redirector/latency"]);
  });

  it("the domain of a bucket at R2 is deleted, not imported: R2 would refuse a second one, and the type has no import", async () => {
    const domain = resources.find(({ type }) => type === "cloudflare:index/r2CustomDomain:R2CustomDomain");
    assert.ok(domain);
    const { type, name, inputs: props } = domain;
    const adopt = (known: string[]) =>
      adoption({ ...context, known })({ type, name, props, opts: {}, custom: true } as Parameters<
        ReturnType<typeof adoption>
      >[0]);
    assert.equal(await adopt([]), undefined);
    assert.deepEqual(removed.splice(0), [`${props["accountId"]}/demo-images/default/images-r2.example.org`]);
    await adopt([resourceKey(type, name)]);
    assert.deepEqual(removed, [], "the state knows it");
  });

  it("the transform imports what has an id, and leaves alone what has none, what the state knows and what does not exist", async () => {
    const transform = adoption(context);
    const adopt = (type: string, name: string, props: object) =>
      transform({ type, name, props, opts: { protect: true }, custom: true } as Parameters<typeof transform>[0]);
    assert.deepEqual(await adopt("gcp:storage/bucket:Bucket", "x", { name: "b" }), {
      props: { name: "b" },
      opts: { protect: true, import: "b" },
    });
    assert.equal(await adopt("gcp:storage/bucketIAMBinding:BucketIAMBinding", "x", {}), undefined);
    assert.equal(await adopt("gcp:storage/bucket:Bucket", "x", { name: "gone" }), undefined);
    const place = { name: "redirector-us-central1", region: "us-central1", location: "us-central1" };
    const group = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup";
    assert.equal(await adopt(group, place.name, place), undefined);
    assert.notEqual(await adopt("gcp:cloudrunv2/service:Service", place.name, place), undefined, "of another type");
    await assert.rejects(
      async () => adopt("gcp:storage/bucket:Bucket", "x", { name: 1 }),
      /adoption needs name as a plain string/,
    );
  });

  it("what depends on something that failed is not imported: the engine would wait for ever", async () => {
    const transform = adoption(context);
    const adopt = (name: string) => {
      const dependsOn = [
        new pulumi.DependencyResource(`urn:pulumi:test::artifacts::gcp:storage/bucket:Bucket::${name}`),
      ];
      const props = { name: "b" };
      const type = "gcp:storage/bucket:Bucket";
      return transform({ type, name, props, opts: { dependsOn }, custom: true } as Parameters<typeof transform>[0]);
    };
    assert.notEqual(await adopt("made"), undefined);
    assert.equal(await adopt("failed"), undefined);
  });

  it("ids have the forms of the types' documentation", async () => {
    const idOf = async (name: string, type: RegExp) => {
      const found = resources.find((resource) => resource.name === name && type.test(resource.type));
      assert.ok(found, name);
      return importIds[found.type]?.(found.inputs, context);
    };
    assert.equal(
      await idOf("images-us-central1", /:Repository$/),
      "projects/demo-project/locations/us-central1/repositories/images",
    );
    // Of R2's documentation and provider the form with the jurisdiction, also for the default one (local/providers/facts).
    assert.equal(await idOf("images-r2", /:R2Bucket$/), "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d/demo-images/default");
    assert.equal(await idOf("files-aws-us-east-1", /:Bucket$/), "demo-artifacts-us-east-1@us-east-1");
    assert.equal(
      await idOf("identities-preview", /:Account$/),
      "projects/demo-project/serviceAccounts/artifacts-preview@demo-project.iam.gserviceaccount.com",
    );
    assert.equal(
      await idOf("identities-github", /:OpenIdConnectProvider$/),
      "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    );
  });

  it("ids of Google Cloud have one of the forms that the provider's own documentation imports", async () => {
    const undocumented: string[] = [];
    const checked = new Set<string>();
    for (const { type, inputs } of resources) {
      if (checked.has(type) || !type.startsWith("gcp:") || importIds[type] === undefined) continue;
      checked.add(type);
      const forms = await documentedForms(type);
      const id = await importIds[type](inputs, context);
      if (forms.length === 0) undocumented.push(type);
      else assert.ok(id && forms.some((form) => form.test(id)), `${type}: ${id} has none of the forms ${forms}`);
    }
    assert.ok(checked.size > 20);
    // Their documentation in the SDK has no word on it; Terraform's has `projects/{project}/roles/{role}`, the account's full name, the bucket's.
    assert.deepEqual(undocumented.sort(), [
      "gcp:projects/iAMCustomRole:IAMCustomRole",
      "gcp:serviceaccount/account:Account",
      "gcp:storage/bucket:Bucket",
    ]);
  });

  it("what the state knows is read from its export", () => {
    const urn = (types: string, name: string) => ({ urn: `urn:pulumi:prod::artifacts::${types}::${name}` });
    const resources = [
      urn("pulumi:pulumi:Stack", "artifacts-prod"),
      urn("artifacts:mirror:Mirrors$artifacts:mirror:FileMirror$aws:s3/bucket:Bucket", "files-aws-us-east-1"),
      urn("cloudflare:index/dnsRecord:DnsRecord", "odd::name"),
    ];
    assert.deepEqual(knownTo(JSON.stringify({ version: 3, deployment: { resources } })), [
      "pulumi:pulumi:Stack artifacts-prod",
      "aws:s3/bucket:Bucket files-aws-us-east-1",
      "cloudflare:index/dnsRecord:DnsRecord odd::name",
    ]);
    assert.deepEqual(knownTo('{"version":3,"deployment":{}}'), []); // a new stack's
    assert.throws(() => knownTo("{}"), /not a state/);
  });

  it("what a run found absent is read from its output, and the list of it must be one", () => {
    const output =
      "  gcp:compute:URLMap (x):\n    error: resource 'projects/p/global/urlMaps/x' does not exist\n" +
      "    error: Preview failed: resource 'b@us-east-1' does not exist\n";
    assert.deepEqual(absentIn(output), ["projects/p/global/urlMaps/x", "b@us-east-1"]);
    assert.throws(() => readAdoptionList("1"), /ARTIFACTS_ADOPT=1 is set by `npm run adopt` only/);
    assert.throws(() => readAdoptionList(new URL("../../package.json", import.meta.url).pathname), /not written by/);
  });
});

/** The forms of `pulumi import <type> default <form>` in the documentation of the type, `{{name}}` for whatever belongs there. */
async function documentedForms(type: string): Promise<RegExp[]> {
  const [, place = ""] = type.split(":");
  const [module = "", name = ""] = place.split("/");
  const folder = new URL(`../../node_modules/@pulumi/gcp/${module}/`, import.meta.url);
  const file = (await readdir(folder)).find((one) => one.toLowerCase() === `${name.toLowerCase()}.d.ts`);
  assert.ok(file, `${type} has no documentation`);
  const text = await readFile(new URL(file, folder), "utf8");
  return [...text.matchAll(/\$ pulumi import (\S+) default (\S+)$/gm)].map(([, documented, form = ""]) => {
    assert.equal(documented, type);
    // A name of Cloud Monitoring is a path of its own.
    const any = /monitoring/.test(type) ? ".+" : "[^/]+";
    return new RegExp(`^${form.replaceAll(/\{\{\w+\}\}/g, any)}$`);
  });
}
