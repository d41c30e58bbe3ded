/** The rules that the workflows must not lose. Independent checkers read them in contract/workflow-checkers. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "mocha";
import { parse } from "yaml";
import { logMetrics } from "../../components/monitoring/log-metrics.ts";

const root = join(import.meta.dirname, "../..");

interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly "continue-on-error"?: boolean;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly if?: string;
  readonly "timeout-minutes": number;
  readonly environment?: string;
  readonly needs?: string | readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = new Map<string, Workflow>();
let action: { readonly runs: { readonly steps: readonly Step[] } };

describe("workflows", () => {
  before(async () => {
    const folder = join(root, ".github/workflows");
    for (const file of await readdir(folder)) {
      workflows.set(file.replace(/\.yml$/, ""), parse(await readFile(join(folder, file), "utf8")) as Workflow);
    }
    action = parse(await readFile(join(root, ".github/actions/set-up/action.yml"), "utf8")) as typeof action;
  });

  it("these workflows exist", () => {
    const names = ["check", "deploy", "drift", "graph", "graph-comment", "preview", "promote", "release"];
    assert.deepEqual([...workflows.keys()].sort(), names);
  });

  it("every action is pinned by commit, or from this repository", () => {
    for (const [name, { uses }] of steps()) {
      if (uses !== undefined) assert.match(uses, /^(\.\/\.github\/actions\/set-up|[\w-]+\/[\w-]+@[0-9a-f]{40})$/, name);
    }
  });

  it("no workflow has permissions of its own, each job declares its minimum", () => {
    for (const [name, { permissions }] of workflows) assert.deepEqual(permissions, {}, name);
    const rights = Object.fromEntries(jobs().map(([name, { permissions }]) => [name, permissions]));
    assert.deepEqual(rights, {
      "check.manifests": { contents: "read" },
      "check.tests": { contents: "read" },
      "deploy.build": { contents: "read" },
      "deploy.attest": { "id-token": "write", attestations: "write" },
      "deploy.deploy": { contents: "read", "id-token": "write", attestations: "read" },
      "drift.compare": { contents: "read", "id-token": "write" },
      "drift.issue": { issues: "write" },
      "drift.repair": { actions: "write" },
      "graph.record": { contents: "read" },
      "graph-comment.report": { contents: "read", actions: "read", "pull-requests": "read" },
      "graph-comment.comment": { "pull-requests": "write" },
      "preview.scope": { "pull-requests": "read" },
      "preview.approval": { actions: "read" },
      "preview.preview": { contents: "read", "id-token": "write" },
      "preview.comment": { "pull-requests": "write" },
      "preview.previewed": {},
      "promote.promote": { contents: "read", "id-token": "write" },
      "promote.pull-request": { contents: "write", "pull-requests": "write" },
      "release.release": { contents: "write" },
    });
  });

  it("no checkout leaves a token behind, no step writes an expression into a script", () => {
    for (const [name, { uses, with: inputs, run }] of steps()) {
      if (uses?.startsWith("actions/checkout@")) assert.equal(inputs?.["persist-credentials"], false, name);
      assert.doesNotMatch(run ?? "", /\$\{\{/, name);
    }
  });

  it("a pull request's own code never runs with rights", () => {
    for (const [name, { on }] of workflows) {
      for (const trigger of Object.keys(on))
        if (name !== "preview" && name !== "graph-comment")
          assert.doesNotMatch(trigger, /_target$|^workflow_run$/, name);
    }
    const preview = workflows.get("preview")!;
    assert.deepEqual(preview.on, { pull_request_target: { branches: ["main"] } });
    const job = preview.jobs["preview"]!;
    const checkouts = job.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    assert.deepEqual(
      checkouts.map(({ with: inputs }) => [inputs?.["ref"], inputs?.["path"], inputs?.["sparse-checkout"]]),
      [
        ["main", undefined, undefined],
        [`refs/pull/$\{{ github.event.pull_request.number }}/merge`, "merged", "manifests"],
        [`$\{{ steps.merge.outputs.base }}`, "base", "manifests"],
      ],
    );
    // What runs is installed before anything of the pull request is there, and no other job checks anything out.
    const setUp = job.steps.findIndex(({ uses }) => uses?.startsWith("./"));
    assert.ok(setUp > 0 && setUp < job.steps.indexOf(checkouts[1]!));
    for (const [name, { steps: others }] of Object.entries(preview.jobs))
      if (name !== "preview")
        assert.ok(
          others.every(({ uses }) => !uses?.startsWith("actions/checkout@")),
          name,
        );
  });

  it("the program of a pull request runs without any right, and its record is compared by the main branch's program", async () => {
    const graph = workflows.get("graph")!;
    assert.deepEqual(Object.keys(graph.on), ["pull_request"]);
    assert.doesNotMatch(JSON.stringify(graph), /secrets\.|id-token/);
    const { on, jobs: of } = workflows.get("graph-comment")!;
    assert.deepEqual(on, { workflow_run: { workflows: ["graph"], types: ["completed"] } });
    assert.doesNotMatch(JSON.stringify(of), /secrets\.|id-token/);
    const { report, comment } = of;
    const [checkout, ...more] = report!.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    assert.deepEqual([checkout?.with?.["ref"], more], ["main", []]);
    const download = report!.steps.find(({ uses }) => uses?.startsWith("actions/download-artifact@"));
    assert.match(String(download?.with?.["path"]), /^\$\{\{ runner\.temp \}\}\//, "not over the program");
    assert.match(JSON.stringify(report!.steps), /npm ci --ignore-scripts/);
    // What writes comments runs nothing of ours, and takes the number from GitHub's own list of pull requests.
    assert.ok(
      comment!.steps.every(
        ({ uses, run }) => uses?.startsWith("actions/download-artifact@") || !/\b(node|npm)\b/.test(run ?? ""),
      ),
    );
    const file = await readFile(join(root, ".github/workflows/graph-comment.yml"), "utf8");
    assert.doesNotMatch(
      file.replace(
        /workflow_run\.(id|event|conclusion|head_sha|head_branch|head_repository\.(owner\.login|full_name))/g,
        "",
      ),
      /event\.workflow_run/,
    );
    assert.equal(
      comment!.steps.at(-1)?.run,
      workflows.get("preview")!.jobs["comment"]!.steps.at(-1)!.run!.replace("artifacts-preview ", "artifacts-graph "),
      "as the preview's comments are replaced",
    );
  });

  it("only a newcomer's pull request waits for a maintainer", () => {
    const { approval, preview } = workflows.get("preview")!.jobs;
    assert.equal(approval?.environment, "newcomers");
    assert.equal(approval.if, "needs.scope.outputs.manifests == 'yes' && needs.scope.outputs.newcomer == 'yes'");
    assert.deepEqual(preview?.needs, ["scope", "approval"]);
    /** Whether the job runs, by its own condition. */
    const runs = (manifests: string, newcomer: string, result: string) => {
      const script = preview
        .if!.replaceAll("!cancelled()", "true")
        .replaceAll("needs.scope.outputs.manifests", JSON.stringify(manifests))
        .replaceAll("needs.scope.outputs.newcomer", JSON.stringify(newcomer))
        .replaceAll("needs.approval.result", JSON.stringify(result));
      return new Function(`return ${script};`)() as boolean;
    };
    assert.equal(runs("yes", "no", "skipped"), true, "a branch, or a fork of a contributor");
    assert.equal(runs("yes", "yes", "success"), true, "a newcomer, approved");
    for (const result of ["failure", "cancelled", "skipped"])
      assert.equal(runs("yes", "yes", result), false, `a newcomer: ${result}`);
    assert.equal(runs("no", "no", "skipped"), false, "no manifests");
    assert.equal(runs("", "", "skipped"), false, "the scope failed");
  });

  it("one deploy at a time, never stopped, from the main branch and behind the environment", () => {
    const deploy = workflows.get("deploy");
    assert.deepEqual(deploy?.concurrency, { group: "deploy", "cancel-in-progress": false });
    assert.equal(deploy.jobs["deploy"]?.environment, "production");
    assert.equal(deploy.jobs["deploy"]?.if, "github.ref == 'refs/heads/main'");
    for (const [name, { environment }] of jobs()) {
      if (name !== "deploy.deploy" && name !== "preview.approval") assert.equal(environment, undefined, name);
    }
    const run = deploy.jobs["deploy"]?.steps.find(({ run: script }) => script?.includes("up --stack prod"))?.run;
    assert.match(
      run ?? "",
      /artifacts\.mjs engine-run -- \\\n +up --stack prod --yes .*--continue-on-error/,
      "it ends",
    );
    assert.doesNotMatch(JSON.stringify(deploy), /SKIP_CHECKPOINTS/);
    assert.match(JSON.stringify(deploy), /"PULUMI_DIY_BACKEND_ZSTD":"true"/);
  });

  it("what a deploy leaves to a fill is started after it, also when a promotion failed, with the archive that was checked", () => {
    const steps = workflows.get("deploy")?.jobs["deploy"]?.steps ?? [];
    const at = (is: (script: string) => boolean) => steps.findIndex(({ run = "" }) => is(run));
    const [cancel, deploy, fill, alert] = [
      at((script) => script.includes("fill --cancel outdated")),
      at((script) => script.includes("up --stack prod")),
      at((script) => script.includes("fill --start")),
      at((script) => script.startsWith("gcloud logging write artifacts ")),
    ] as const;
    assert.ok(0 <= cancel && cancel < deploy, "no task brings back what the deploy removes");
    assert.equal(steps[cancel]?.["continue-on-error"], true, "and no withdrawal waits for Cloud Run");
    assert.ok(deploy < fill && fill < alert, "and a start that fails is told");
    assert.match(steps[fill]?.if ?? "", /^\$\{\{ !cancelled\(\) && steps\.deploy\.outcome != 'skipped' \}\}$/);
    assert.equal(steps[deploy]?.id, "deploy");
    assert.match(steps[fill]?.run ?? "", /--archive redirector\/dist\/fill\.tar\.gz \|\| code=\$\?$/m);
    for (const step of [cancel, fill]) assert.match(steps[step]?.run ?? "", /^exit "\$code"$/m);
    for (const step of [deploy, fill])
      assert.match(
        steps[step]?.env?.["ARTIFACTS_REGISTRY_QUOTA"] ?? "",
        /^\$\{\{ vars\.ARTIFACTS_REGISTRY_QUOTA \}\}$/,
      );
  });

  it("no output is a command to the runner", () => {
    // Everything that shows names of manifests: files, and commands of this repository but for those that know no manifest or write files only.
    const showing =
      /^ *(cat (?!.*>&2)|node \S*artifacts\.mjs (?!(?:workflow-settings|engine-install|build-fill|keep-build|graph-record)\b)(?!.*(?: > | --output )|preview-report)).*$/gm;
    const shown = steps().filter(([, { run = "" }]) => run.match(showing) !== null);
    assert.deepEqual(shown.map(([job, { name }]) => `${job}: ${name}`).sort(), [
      "deploy.deploy: Cancel the fills that would bring back what it removes",
      "deploy.deploy: Deploy",
      "deploy.deploy: Start the fills that it left",
      "drift.compare: Compare",
      "preview.preview: Preview",
      "promote.promote: Promote",
    ]);
    for (const [name, { run = "" }] of steps()) {
      for (const printed of run.matchAll(showing)) {
        const before = run.slice(0, printed.index);
        const after = run.slice(printed.index);
        assert.match(
          before,
          /^mark=\$\(od .*\/dev\/urandom .*\).*\necho "::stop-commands::\$mark"$(?!.*::\$mark::)/ms,
          `${name}: ${printed[0]}`,
        );
        assert.match(after, /^echo "::\$mark::"$/m, `${name}: ${printed[0]}`);
      }
    }
  });

  it("the engine and the plugins are installed by hash, before there is any right, and no other is fetched", () => {
    const names = action.runs.steps.map(({ name, uses }) => name ?? uses?.split("@")[0]);
    const installed = names.indexOf("Install the engine and the providers' plugins by their hashes");
    assert.ok(installed >= 0 && installed < names.indexOf("google-github-actions/auth"));
    for (const [name, step] of steps())
      if (/^\s*(pulumi preview|node .* engine-run|npm run --silent audit)/m.test(step.run ?? ""))
        assert.equal(step.env?.["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"], "true", name);
  });

  it("the keys of object stores that the documentation names are passed: those that write to the deployment alone, to the step that needs them", async () => {
    const config = await readFile(join(root, "docs/config.md"), "utf8");
    const named = [...config.matchAll(/^ +keys: (\w+)$/gm)].map(([, name = ""]) => name);
    const keys = [...new Set([...named, "R2"])].sort(); // what a store of kind r2 has by default
    assert.deepEqual(keys, ["KEPT", "R2"]);
    const passed = steps().flatMap(([job, { name, env = {} }]) =>
      Object.entries(env).flatMap(([variable, value]) => {
        const [, secret] =
          /^\$\{\{ secrets\.(\w+_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)|CDN_PURGE_TOKEN) \}\}/.exec(value) ?? [];
        return secret === undefined ? [] : [`${job} ${name}: ${variable} = ${secret}`];
      }),
    );
    const both = (of: string, secret: string, step: string) =>
      ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].map((part) => `${step}: ${of}_${part} = ${secret}_${part}`);
    assert.deepEqual(
      passed.sort(),
      [
        ...keys.flatMap((of) => both(of, of, "deploy.deploy Deploy")),
        ...keys.flatMap((of) => both(of, `${of}_READ`, "drift.compare Compare")),
        ...keys.flatMap((of) => both(of, `${of}_READ`, "preview.preview Preview")),
        "deploy.deploy Deploy: CDN_PURGE_TOKEN = CDN_PURGE_TOKEN",
      ].sort(),
    );
    // No job without the environment gets what writes, whatever it is called there.
    for (const [job, { environment, steps: of }] of jobs())
      if (environment !== "production")
        assert.doesNotMatch(
          JSON.stringify(of),
          /secrets\.(CDN_PURGE_TOKEN|CLOUDFLARE_API_TOKEN|(?!\w+_READ_)\w+_ACCESS_KEY)/,
          job,
        );
  });

  it("a failed, cancelled or timed-out run raises an alert", () => {
    for (const name of ["deploy.deploy", "drift.compare"]) {
      const job = jobs().find(([one]) => one === name)?.[1];
      const alert = job?.steps.find(({ run }) => run?.startsWith("gcloud logging write artifacts "));
      assert.match(alert?.if ?? "", /!success\(\)/, name);
    }
  });

  it("the drift run reports itself in its last step, and only if all steps succeeded", () => {
    const steps = workflows.get("drift")?.jobs["compare"]?.steps ?? [];
    const last = steps.at(-1);
    assert.match(last?.run ?? "", /^gcloud logging write artifacts .*--payload-type json/);
    assert.equal(last?.if, undefined, "GitHub's own default: if all went well");
    assert.ok(steps.some(({ run }) => run?.startsWith('gcloud logging write artifacts "$MESSAGE"')));
  });

  it("drift is looked for once a day: the alert on a missing run waits for one and a half", () => {
    assert.deepEqual(workflows.get("drift")?.on["schedule"], [{ cron: "17 3 * * *" }]);
    const { query = "", lastsSeconds = 0 } =
      logMetrics.find(({ name }) => name === "artifacts_drift_compared")?.alert ?? {};
    const hours = Number(/\[(\d+)h\]\)$/.exec(query)?.[1]) + lastsSeconds / 3600;
    assert.equal(hours, 36);
  });

  it("previews use the deployed redirector, because a new build differs in the clouds' ranges", () => {
    const take = action.runs.steps.find(({ run }) => run?.includes("redirectorArchive"));
    assert.equal(take?.if, "inputs.identity != 'deploy'");
  });

  it("no package script runs with an identity, and build results are passed on attested, by digest", () => {
    const withIdentity = jobs().filter(([, { permissions }]) => permissions?.["id-token"] === "write");
    const scripts = [...withIdentity.flatMap(([, job]) => job.steps), ...action.runs.steps].map(({ run = "" }) => run);
    for (const script of scripts) {
      assert.doesNotMatch(
        script.replaceAll("npm ci --ignore-scripts", "").replaceAll("npm run --silent audit", ""),
        /\bnp[mx]\b/,
      );
    }
    const { build, attest, deploy } = workflows.get("deploy")!.jobs;
    assert.equal(build?.permissions?.["id-token"], undefined);
    assert.deepEqual(deploy?.needs, ["build", "attest"]);
    assert.deepEqual(
      attest?.steps.map(({ uses }) => uses?.split("@")[0]),
      ["actions/attest-build-provenance", "actions/attest-build-provenance"],
      "nothing of ours runs where the attestations are signed",
    );
    // The tip is looked at, and the archive checked, before there is any right.
    const names = deploy.steps.map(({ name, uses }) => name ?? uses?.split("@")[0]);
    assert.ok(names.indexOf("Refuse a commit that is not main's tip") === 0);
    assert.ok(names.indexOf("Check what was built") < names.indexOf("./.github/actions/set-up"));
  });
});

function jobs(): (readonly [string, Job])[] {
  return [...workflows].flatMap(([file, { jobs: all }]) =>
    Object.entries(all).map(([name, job]) => [`${file}.${name}`, job] as const),
  );
}

function steps(): (readonly [string, Step])[] {
  return [
    ...jobs().flatMap(([name, job]) => job.steps.map((step) => [name, step] as const)),
    ...action.runs.steps.map((step) => ["set-up", step] as const),
  ];
}
