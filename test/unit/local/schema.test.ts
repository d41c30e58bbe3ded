import assert from "node:assert/strict";
import { it } from "mocha";
import { parseClass, schemaOf } from "../../../local/providers/schema.ts";

it("parses inputs, required inputs and types of outputs of a generated class", () => {
  const script = `
        if (opts.id) {
            resourceInputs["labels"] = state?.labels;
        } else {
            if (args?.name === undefined && !opts.urn) {
                throw new Error("Missing required property 'name'");
            }
            resourceInputs["labels"] = args?.labels;
            resourceInputs["name"] = args?.name;
            resourceInputs["secret"] = args?.secret ? pulumi.secret(args.secret) : undefined;
            resourceInputs["address"] = undefined /*out*/;
        }`;
  const declaration = `
    static get(name: string): Thing;
    readonly address: pulumi.Output<string>;
    readonly labels: pulumi.Output<{
        [key: string]: string;
    } | undefined>;
    readonly name: pulumi.Output<string>;
    readonly ports: pulumi.Output<number[]>;
    readonly secret: pulumi.Output<string | undefined>;
    readonly size: pulumi.Output<number>;
    readonly on: pulumi.Output<boolean | undefined>;
    readonly rule: pulumi.Output<outputs.thing.Rule>;
`;
  const schema = parseClass(script, declaration);
  assert.deepEqual([...schema.inputs], ["labels", "name", "secret"]);
  assert.deepEqual(schema.required, ["name"]);
  assert.deepEqual(Object.fromEntries(schema.outputs), {
    address: { kind: "text", optional: false },
    labels: { kind: "object", optional: true },
    name: { kind: "text", optional: false },
    ports: { kind: "list", optional: false },
    secret: { kind: "text", optional: true },
    size: { kind: "number", optional: false },
    on: { kind: "boolean", optional: true },
    rule: { kind: "object", optional: false },
  });
});

it("finds the SDKs' classes by their tokens, whatever the case of their file names", () => {
  const required: Record<string, string[]> = {
    "gcp:compute/uRLMap:URLMap": [],
    "gcp:serviceaccount/iAMMember:IAMMember": ["member", "role", "serviceAccountId"],
    "gcp:cloudrunv2/service:Service": ["location", "template"],
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ["clientIdLists", "url"],
    "aws:s3/bucketPolicy:BucketPolicy": ["bucket", "policy"],
    "cloudflare:index/dnsRecord:DnsRecord": ["name", "ttl", "type", "zoneId"],
  };
  for (const [token, names] of Object.entries(required)) {
    const schema = schemaOf(token);
    assert.deepEqual(schema?.required, names, token);
    for (const name of names) assert.ok(schema?.inputs.has(name) && schema.outputs.has(name), `${token}.${name}`);
  }
  assert.equal(schemaOf("gcp:nothing/such:Such"), undefined);
  assert.equal(schemaOf("gcp:storage/such:Such"), undefined);
});
