import type { Granting } from "../../local/cloud/access.ts";

/** The claims of a token of GitHub Actions (GitHub docs, "OpenID Connect reference"). */
export type Claims = Readonly<Record<string, string>>;

/** The claims of a push to main of the test stack's repository, unless changed. `environment` is there when the job has one. */
export function tokenClaims(changed: Claims = {}): Claims {
  return {
    sub: "repo:example/artifacts:ref:refs/heads/main",
    aud: "sts.amazonaws.com",
    repository: "example/artifacts",
    repository_id: "123456789",
    repository_owner: "example",
    repository_owner_id: "1234567",
    ref: "refs/heads/main",
    event_name: "push",
    workflow_ref: "example/artifacts/.github/workflows/deploy.yml@refs/heads/main",
    job_workflow_ref: "example/artifacts/.github/workflows/deploy.yml@refs/heads/main",
    run_id: "1",
    run_attempt: "1",
    ...changed,
  };
}

/** What Google's token service makes of a token, by the program's identity provider: its attributes; undefined: it is refused. */
export function googleAttributes(
  { attributeMapping, attributeCondition }: { attributeMapping: Claims; attributeCondition: string },
  claims: Claims,
): Readonly<Record<string, unknown>> | undefined {
  if (evaluate(attributeCondition, claims) !== true) return undefined;
  return Object.fromEntries(
    Object.entries(attributeMapping).map(([name, expression]) => [name, evaluate(expression, claims)]),
  );
}

/** Whether a role's trust policy lets a token take the role. */
export function mayAssume(policy: string, claims: Claims): boolean {
  const { Statement } = JSON.parse(policy) as {
    Statement: { Condition: { StringEquals: Record<string, string | string[]> } }[];
  };
  return Statement.some(({ Condition }) =>
    Object.entries(Condition.StringEquals).every(([key, wanted]) =>
      [wanted].flat().includes(claims[key.slice(key.lastIndexOf(":") + 1)] ?? ""),
    ),
  );
}

/** A resource with what the cloud has added to it. */
interface Made extends Granting {
  readonly computed: Readonly<Record<string, unknown>>;
}

/**
 * The names by which grants may call the bearer of a token in Google Cloud: the pool's attributes, and the service accounts that these may act
 * as. Empty: the token is refused.
 */
export function membersOf(all: readonly Made[], claims: Claims): string[] {
  const pools = new Map(
    all
      .filter(({ type }) => type.endsWith(":WorkloadIdentityPool"))
      .map(({ inputs, computed }) => [inputs["workloadIdentityPoolId"], String(computed["name"])]),
  );
  const sets = all
    .filter(({ type }) => type.endsWith(":WorkloadIdentityPoolProvider"))
    .flatMap(({ inputs }) => {
      const attributes = googleAttributes(inputs as unknown as Parameters<typeof googleAttributes>[0], claims) ?? {};
      const pool = pools.get(inputs["workloadIdentityPoolId"]);
      return Object.entries(attributes).map(
        ([name, value]) => `principalSet://iam.googleapis.com/${pool}/${name}/${String(value)}`,
      );
    });
  const accounts = all
    .filter(({ type, inputs }) => type.startsWith("gcp:serviceaccount/iAM") && inputs["role"] === impersonation)
    .filter(({ inputs }) => [inputs["members"]].flat().some((member) => sets.includes(String(member))))
    .map(({ inputs }) => `serviceAccount:${String(inputs["serviceAccountId"]).replace(/^.*\//, "")}`);
  return [...sets, ...accounts];
}

const impersonation = "roles/iam.workloadIdentityUser";

/** Evaluates an expression of the small part of the Common Expression Language that the program uses, as JavaScript. */
function evaluate(expression: string, claims: Claims): unknown {
  const script = expression
    .replaceAll(/([\w.]+) in (\[[^\]]*\])/g, "$2.includes($1)")
    .replaceAll("==", "===")
    .replaceAll(/\bassertion\.(\w+)\.extract\(/g, 'extract(claim("$1"), ')
    .replaceAll(/\bassertion\.(\w+)/g, 'claim("$1")');
  const claim = (name: string): string => {
    const value = claims[name];
    if (value === undefined) throw new Error(`the token has no ${name}: Google refuses it`);
    return value;
  };
  return new Function("claim", "extract", `"use strict"; return ${script};`)(claim, extract) as unknown;
}

/** Google's `extract`: what stands in place of the braces, up to the first occurrence of what follows them; "" if it does not match. */
function extract(value: string, template: string): string {
  const [, before = "", after = ""] = /^(.*)\{\w+\}(.*)$/.exec(template) ?? [];
  const start = value.indexOf(before);
  const end = start < 0 ? -1 : value.indexOf(after, start + before.length);
  return end < 0 ? "" : value.slice(start + before.length, end);
}
