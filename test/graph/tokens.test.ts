/** Which of GitHub's tokens gets what: the declared conditions, evaluated on tokens as GitHub's documentation has them. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { config, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { googleAttributes, mayAssume, tokenClaims } from "../support/token-exchange.ts";

let resources: readonly Declared[];

describe("conditions on GitHub's tokens", () => {
  before(async () => {
    resources = await declare(config, manifests);
  });

  const ofWorkflow = (workflow: string) => {
    const workflow_ref = `example/artifacts/.github/workflows/${workflow}`;
    return { workflow_ref, job_workflow_ref: workflow_ref };
  };
  const none = { deploy: undefined, preview: undefined, pushesFrom: undefined, aws: [] };
  const reads = { deploy: "no", preview: "yes", pushesFrom: "none", aws: ["preview"] };

  for (const [form, prefix] of [
    ["", "repo:example/artifacts:"],
    [" (a subject with numbers)", "repo:example@1234567/artifacts@123456789:"],
  ] as const) {
    it(`deploy.yml on main in its environment deploys${form}`, () => {
      const token = tokenClaims({ sub: `${prefix}environment:production`, environment: "production" });
      assert.deepEqual(rights(token), {
        deploy: "yes",
        preview: "no",
        pushesFrom: "123456789/deploy.yml/branches",
        aws: ["deploy"],
      });
    });
    it(`main's preview.yml for a pull request, of a fork too, and the nightly run, read${form}`, () => {
      // GitHub's documents do not say which of the two subjects a pull_request_target has: both must do.
      for (const context of ["pull_request", "ref:refs/heads/main"]) {
        const pull = {
          sub: `${prefix}${context}`,
          event_name: "pull_request_target",
          ...ofWorkflow("preview.yml@refs/heads/main"),
        };
        assert.deepEqual(rights(tokenClaims(pull)), reads, context);
      }
      for (const [name, event_name] of [
        ["drift", "schedule"],
        ["drift", "workflow_dispatch"],
        ["promote", "workflow_dispatch"],
      ] as const) {
        const nightly = {
          sub: `${prefix}ref:refs/heads/main`,
          event_name,
          ...ofWorkflow(`${name}.yml@refs/heads/main`),
        };
        assert.deepEqual(rights(tokenClaims(nightly)), {
          ...reads,
          pushesFrom: `123456789/${name}.yml/branches`,
        });
      }
    });
  }

  it("a branch or pull request that edits a workflow gets nothing, whatever it calls itself", () => {
    const branch = "refs/heads/feature";
    const merge = "refs/pull/7/merge";
    for (const token of [
      {
        event_name: "push",
        ref: branch,
        ...ofWorkflow(`preview.yml@${branch}`),
        sub: `repo:example/artifacts:ref:${branch}`,
      },
      {
        event_name: "workflow_dispatch",
        ref: branch,
        ...ofWorkflow(`drift.yml@${branch}`),
        sub: `repo:example/artifacts:ref:${branch}`,
      },
      {
        event_name: "pull_request",
        ref: merge,
        ...ofWorkflow(`preview.yml@${merge}`),
        sub: "repo:example/artifacts:pull_request",
      },
      {
        event_name: "pull_request",
        ref: merge,
        ...ofWorkflow(`new.yml@${merge}`),
        sub: "repo:example/artifacts:pull_request",
      },
      // Another workflow of main, reviewed as it is, has no need of it either.
      { event_name: "push", ...ofWorkflow("check.yml@refs/heads/main") },
      { event_name: "pull_request_target", ...ofWorkflow("other.yml@refs/heads/main") },
      // The right file for another event: what it checks out there is another thing.
      { event_name: "push", ...ofWorkflow("drift.yml@refs/heads/main") },
      { event_name: "issue_comment", ...ofWorkflow("preview.yml@refs/heads/main") },
    ]) {
      const { deploy, preview, aws } = rights(tokenClaims(token));
      assert.notEqual(preview, "yes", JSON.stringify(token));
      assert.notEqual(deploy, "yes", JSON.stringify(token));
      // AWS knows no event: of main's two files only, on main only.
      const known = /(preview|drift)\.yml@refs\/heads\/main$/.test(token.workflow_ref) && !("ref" in token);
      assert.deepEqual(aws, known ? ["preview"] : [], JSON.stringify(token));
    }
  });

  it("without the environment, from another branch or by another workflow no token can deploy", () => {
    const production = { sub: "repo:example/artifacts:environment:production", environment: "production" };
    for (const token of [
      tokenClaims(),
      tokenClaims({ sub: "repo:example/artifacts:environment:production%3Afake", environment: "production:fake" }),
      tokenClaims({ ...production, ref: "refs/heads/other" }),
      tokenClaims({ ...production, ref: "refs/tags/refs/heads/main" }),
    ]) {
      assert.equal(rights(token).deploy, "no", JSON.stringify(token));
      assert.ok(!rights(token).aws.includes("deploy"), JSON.stringify(token));
    }
    for (const workflow of ["other.yml@refs/heads/main", "deploy.yml@refs/heads/other"]) {
      const token = tokenClaims({ ...production, ...ofWorkflow(workflow) });
      assert.deepEqual([rights(token).deploy, rights(token).aws], ["no", []], workflow);
    }
    assert.equal(rights(tokenClaims({ ...production, event_name: "pull_request_target" })).deploy, "no");
  });

  it("a project's release builds can push as their repository, its pull requests cannot", () => {
    const build = (file: string, ref: string) => ({
      repository: "example/full",
      repository_id: "1296269",
      sub: "repo:example/full:x",
      ref,
      workflow_ref: `example/full/.github/workflows/${file}@${ref}`,
      job_workflow_ref: `example/full/.github/workflows/${file}@${ref}`,
    });
    const pushesFrom = (changed: Record<string, string>) => rights(tokenClaims(changed)).pushesFrom;
    for (const ref of ["refs/heads/main", "refs/heads/master", "refs/heads/release-1.2"])
      assert.equal(pushesFrom(build("artifacts.yml", ref)), "1296269/artifacts.yml/branches", ref);
    const tagged = build("artifacts.yml", "refs/tags/v1.2.3");
    assert.equal(pushesFrom(tagged), "1296269/artifacts.yml/tags");
    assert.equal(pushesFrom(build("other.yml", "refs/tags/v1.2.3")), "1296269/other.yml/tags", "which no grant names");
    assert.equal(
      pushesFrom({ ...tagged, repository_id: "7" }),
      "7/artifacts.yml/tags",
      "the name taken over by another",
    );
    assert.equal(pushesFrom(build("artifacts.yml", "refs/heads/feature")), undefined);
    for (const event_name of ["pull_request_target", "workflow_run"])
      assert.equal(pushesFrom({ ...build("artifacts.yml", "refs/heads/main"), event_name }), undefined);
    assert.equal(pushesFrom({ ...build("artifacts.yml", "refs/pull/7/merge"), event_name: "pull_request" }), undefined);
    assert.deepEqual(rights(tokenClaims(tagged)), {
      deploy: "no",
      preview: "no",
      pushesFrom: "1296269/artifacts.yml/tags",
      aws: [],
    });
  });

  it("tokens of a taken-over owner name, and all others, get nothing", () => {
    const environment = "environment:production";
    for (const token of [
      // The organisation was renamed, somebody registered its old name and made a repository of the same name.
      tokenClaims({
        repository_id: "9",
        repository_owner_id: "8",
        sub: `repo:example@8/artifacts@9:${environment}`,
        environment: "production",
      }),
      // As it is for owners and repositories whose subjects have no numbers yet: the very subject of the one before.
      tokenClaims({
        repository_id: "9",
        repository_owner_id: "8",
        sub: `repo:example/artifacts:${environment}`,
        environment: "production",
      }),
      tokenClaims({
        repository: "evil/artifacts",
        repository_owner: "evil",
        repository_id: "9",
        repository_owner_id: "8",
        sub: `repo:evil/artifacts:${environment}`,
      }),
    ]) {
      assert.deepEqual(rights(token), none);
    }
  });

  it("a repository recreated with an old name by the same owner can neither deploy nor preview", () => {
    const none = { deploy: "no", preview: "no", pushesFrom: "9/deploy.yml/branches", aws: [] };
    for (const sub of ["repo:example@1234567/artifacts@9", "repo:example/artifacts"]) {
      const token = { repository_id: "9", sub: `${sub}:environment:production`, environment: "production" };
      assert.deepEqual(rights(tokenClaims(token)), none, sub);
      assert.deepEqual(rights(tokenClaims({ ...token, sub: `${sub}:ref:refs/heads/main` })), none, sub);
    }
  });

  it("what Google calls the caller is short enough, whatever the branch is called", () => {
    const { attributeMapping } = resources.find(({ type }) => type.endsWith(":WorkloadIdentityPoolProvider"))!
      .inputs as {
      attributeMapping: Record<string, string>;
    };
    const token = tokenClaims({ ref: `refs/heads/${"x".repeat(200)}` });
    const attributes = googleAttributes({ attributeMapping, attributeCondition: "true" }, token);
    assert.equal(attributes?.["google.subject"], "123456789/1/1");
  });
});

/** What a token gets: undefined is none in Google Cloud at all. */
function rights(token: Record<string, string>) {
  const { attributeCondition, attributeMapping } = resources.find(({ type }) =>
    type.endsWith(":WorkloadIdentityPoolProvider"),
  )!.inputs as { attributeCondition: string; attributeMapping: Record<string, string> };
  const google = googleAttributes({ attributeMapping, attributeCondition }, token);
  const aws = resources
    .filter(({ type, inputs }) => type === "aws:iam/role:Role" && mayAssume(String(inputs["assumeRolePolicy"]), token))
    .map(({ name }) => name.replace("identities-", ""));
  return {
    deploy: google?.["attribute.deploy"],
    preview: google?.["attribute.preview"],
    pushesFrom: google?.["attribute.release"],
    aws,
  };
}
