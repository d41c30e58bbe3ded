import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { firstSteps } from "../../../components/stack/first-steps.ts";
import { organisation } from "../../support/organisations/organisation.ts";

describe("steps by hand", () => {
  it("contain only what the organisation uses, the deployment last", async () => {
    const { before, after } = await stepsOf("one-region");
    assert.deepEqual(
      before.map(({ commands }) => commands.at(-1)),
      [
        "gcloud billing projects link example-artifacts --billing-account <id>",
        "gcloud org-policies describe gcp.resourceLocations --project example-artifacts --effective",
        "npm run bootstrap -- --stack prod --create",
        "pulumi stack init prod --secrets-provider gcpkms://projects/example-artifacts/locations/us/keyRings/artifacts/cryptoKeys/state",
        "pulumi up --stack prod",
      ],
    );
    assert.equal(after[0]?.commands[0], "pulumi stack output dnsRecords --stack prod");
    assert.doesNotMatch(JSON.stringify([before, after]), /aws|cloudflare/i);
  });

  for (const [name, command] of [
    ["cloudflare", "export CLOUDFLARE_API_TOKEN=<token>"],
    ["cloud-dns", "gcloud dns managed-zones describe example-org --project example-artifacts"],
    ["route53", "aws route53 get-hosted-zone --id Z0123456789EXAMPLE"],
    ["with-aws", "aws s3control delete-public-access-block --account-id 123456789012"],
    ["big", "pulumi login gs://example-artifacts-state"],
  ] as const) {
    it(`of ${name} have ${command}`, async () => {
      const { before } = await stepsOf(name);
      const commands = before.flatMap((step) => step.commands);
      assert.ok(commands.includes(command), commands.join("\n"));
      assert.equal(commands.at(-1), "pulumi up --stack prod");
    });
  }

  it("name every policy of an organization that would refuse something", async () => {
    const text = JSON.stringify(await stepsOf("with-aws"));
    for (const policy of [
      "iam.allowedPolicyMemberDomains",
      "storage.publicAccessPrevention",
      "iam.workloadIdentityPoolProviders",
      "run.managed.requireInvokerIam",
      "run.allowedIngress",
      "gcp.resourceLocations",
    ])
      assert.match(text, new RegExp(`org-policies describe ${policy} .*${policy}: `));
    assert.match(text, /describe-effective-policy --policy-type S3_POLICY/);
  });

  it("enable the regions of AWS that an account does not have by itself, and no others", async () => {
    const commands = async (regions: readonly string[]) =>
      (await stepsOf("with-aws", { "artifacts:awsRegions": regions })).before
        .flatMap((step) => step.commands)
        .join("\n");
    assert.match(await commands(["us-east-1", "me-central-1"]), /enable-region --region-name me-central-1\n/);
    assert.doesNotMatch(await commands(["us-east-1", "me-central-1"]), /--region-name us-east-1/);
    assert.doesNotMatch(await commands(["us-east-1"]), /enable-region/);
  });

  it("ask for CPUs beyond what a new project has", async () => {
    const titles = async (instances: number) =>
      (await stepsOf("one-region", { "artifacts:maxInstances": instances })).before
        .map(({ title }) => title)
        .join("\n");
    assert.doesNotMatch(await titles(20), /CPU/);
    assert.match(await titles(21), /A quota of 21 CPUs of Cloud Run in each region/);
  });

  it("end with the secrets of Cloudflare and the DS record, if needed", async () => {
    const big = (await stepsOf("big")).after.flatMap(({ commands }) => commands).join("\n");
    assert.match(big, /dsRecord[\s\S]*gh secret set CLOUDFLARE_API_TOKEN --env production --repo example\/artifacts/);
    assert.doesNotMatch(
      (await stepsOf("route53")).after.flatMap(({ commands }) => commands).join("\n"),
      /secret|dsRecord/,
    );
  });

  it("name the tokens of a bucket at R2, after the environment that keeps them, also where another service has the zone", async () => {
    const { before, after } = await stepsOf("with-r2");
    assert.match(before.map(({ note }) => note).join("\n"), /Workers R2 Storage edit, on the account 1a2b/);
    assert.match(
      after.flatMap(({ commands }) => commands).join("\n"),
      /environments\/production[\s\S]*gh secret set CLOUDFLARE_API_TOKEN[\s\S]*npx artifacts r2-token --stack prod --create\ngh workflow run deploy/,
    );
    const without = await stepsOf("big");
    assert.doesNotMatch(JSON.stringify(without), /r2-token|Workers R2/);
  });

  it("name the right to read the budget, if there is one", async () => {
    const { config } = await organisation("one-region");
    const budget = { "artifacts:billingAccount": "0A1B2C-3D4E5F-678901", "artifacts:monthlyBudget": 100 };
    const parsed = parseStackConfig({ ...config, ...budget });
    if ("errors" in parsed) assert.fail(parsed.errors.join("\n"));
    const commands = (of: typeof parsed.config) => firstSteps(of, "prod").after.flatMap((step) => step.commands);
    const grant =
      "gcloud billing accounts add-iam-policy-binding 0A1B2C-3D4E5F-678901 --member serviceAccount:artifacts-preview@example-artifacts.iam.gserviceaccount.com --role roles/billing.viewer";
    assert.ok(commands(parsed.config).includes(grant));
    assert.ok(!commands({ ...parsed.config, budget: undefined }).includes(grant));
  });
});

async function stepsOf(name: string, settings: Readonly<Record<string, unknown>> = {}) {
  const parsed = parseStackConfig({ ...(await organisation(name)).config, ...settings });
  if ("errors" in parsed) assert.fail(parsed.errors.join("\n"));
  return firstSteps(parsed.config, "prod");
}
