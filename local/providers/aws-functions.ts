import type { Properties } from "../../components/plugin/properties.ts";
import { accountId } from "./aws-kinds.ts";
import type { ProviderFunction } from "./provider.ts";

/** The emulated functions of the aws provider. */
export const awsFunctions: Readonly<Record<string, ProviderFunction>> = {
  "aws:iam/getPolicyDocument:getPolicyDocument": (args) => {
    const json = JSON.stringify(policyDocument(args), null, 2);
    return { ...args, id: "policy-document", json, minifiedJson: JSON.stringify(policyDocument(args)) };
  },
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({
    id: accountId,
    accountId,
    arn: `arn:aws:iam::${accountId}:user/rehearsal`,
    userId: "AIDAREHEARSAL",
  }),
  "aws:index/getRegion:getRegion": (args, config) => {
    const region = String(args["region"] ?? args["name"] ?? config["region"] ?? "");
    return { id: region, name: region, region, description: region, endpoint: `ec2.${region}.amazonaws.com` };
  },
  "aws:index/getPartition:getPartition": () => ({
    id: "aws",
    partition: "aws",
    dnsSuffix: "amazonaws.com",
    reverseDnsPrefix: "com.amazonaws",
  }),
};

/** The policy as terraform-provider-aws writes it: a single value is a text, several are a sorted list. */
function policyDocument(args: Properties): Properties {
  const statements = list(args["statements"]).map((statement) => {
    const written: Properties = {
      Sid: statement["sid"] ?? undefined,
      Effect: statement["effect"] ?? "Allow",
      Action: oneOrMany(statement["actions"]),
      NotAction: oneOrMany(statement["notActions"]),
      Resource: oneOrMany(statement["resources"]),
      NotResource: oneOrMany(statement["notResources"]),
      Principal: principals(statement["principals"]),
      NotPrincipal: principals(statement["notPrincipals"]),
      Condition: conditions(statement["conditions"]),
    };
    return written;
  });
  return { Version: args["version"] ?? "2012-10-17", Id: args["policyId"], Statement: statements };
}

function principals(value: unknown): unknown {
  const all = list(value);
  if (all.length === 0) return undefined;
  if (all.length === 1 && all[0]!["type"] === "*") return "*";
  const byType: Record<string, string[]> = {};
  for (const { type, identifiers } of all) {
    byType[String(type)] = [...(byType[String(type)] ?? []), ...((identifiers ?? []) as string[])];
  }
  return Object.fromEntries(Object.entries(byType).map(([type, identifiers]) => [type, oneOrMany(identifiers)]));
}

function conditions(value: unknown): unknown {
  const all = list(value);
  if (all.length === 0) return undefined;
  const byTest: Record<string, Record<string, unknown>> = {};
  for (const { test, variable, values } of all) {
    const variables = byTest[String(test)] ?? {};
    byTest[String(test)] = { ...variables, [String(variable)]: oneOrMany(values) };
  }
  return byTest;
}

function oneOrMany(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.length === 1 ? (value[0] as unknown) : [...(value as string[])].sort().reverse();
}

function list(value: unknown): Properties[] {
  return Array.isArray(value) ? (value as Properties[]) : [];
}
