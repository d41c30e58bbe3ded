/**
 * `artifacts r2-token` against Cloudflare's API as its documentation has it ("List Tokens", "Create Token", "Delete Token" of an account) and a stand-in for
 * the GitHub CLI: what is made, stored, kept and revoked, and where a key never appears.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, beforeEach, describe, it } from "mocha";
import { type LoopbackServer, serveOnLoopback } from "../../support/loopback-server.ts";
import { type EndedCommand, runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const account = "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d";
const folder = await mkdtemp(join(tmpdir(), "r2-token-"));
const ghCalls = join(folder, "gh-calls");
const ghState = join(folder, "gh-state.json");

/** Stands in for the GitHub CLI: notes its arguments; keeps secrets by their place, with the time in seconds, as GitHub tells it. */
const gh = `#!${process.execPath}
const fs = require("node:fs");
const args = process.argv.slice(2);
fs.appendFileSync(${JSON.stringify(ghCalls)}, args.join(" ") + "\\n");
const state = JSON.parse(fs.readFileSync(${JSON.stringify(ghState)}, "utf8"));
if (args[0] === "api") {
  const place = /environments\\/(\\w+)\\/secrets/.exec(args.join(" "))?.[1] ?? "repository";
  for (const [name, { updated_at }] of Object.entries(state[place] ?? {})) console.log(JSON.stringify({ name, updated_at }));
} else {
  if (process.env.GH_FAILS) { console.error("HTTP 403: Resource not accessible"); process.exit(1); }
  const env = args.indexOf("--env");
  const place = env === -1 ? "repository" : args[env + 1];
  for (const line of fs.readFileSync(0, "utf8").trim().split("\\n")) {
    const [name, value] = line.split("=");
    (state[place] ??= {})[name] = { value, updated_at: new Date().toISOString().replace(/\\.\\d+Z/, "Z") };
  }
  fs.writeFileSync(${JSON.stringify(ghState)}, JSON.stringify(state));
}
`;

interface Token {
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly issued_on: string;
  readonly expires_on?: string;
  readonly policies: unknown;
}
let tokens: Token[] = [];
let requests: string[] = [];
let refuses: string | undefined;
let made = 0;
/** What Cloudflare answers in place of a token's own. */
let created: { readonly id?: string } = {};
let cloudflare: LoopbackServer;

type Secrets = Readonly<
  Record<string, Readonly<Record<string, { readonly value: string; readonly updated_at: string }>>>
>;
const secrets = async () => JSON.parse(await readFile(ghState, "utf8")) as Secrets;
const ids = () => tokens.map(({ id }) => id);
const secretOf = (value: string) => createHash("sha256").update(value).digest("hex");

describe("artifacts r2-token", () => {
  before(async () => {
    await writeFile(join(folder, "gh"), gh);
    await chmod(join(folder, "gh"), 0o755);
    cloudflare = await serveOnLoopback((request, response) => void answer(request, response));
    await writeConfig("");
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    [tokens, requests, refuses, made, created] = [[], [], undefined, 0, {}];
    await Promise.all([writeFile(ghCalls, ""), writeFile(ghState, "{}"), writeConfig("")]);
  });

  it("says what is there, changes nothing, and what to do next", async () => {
    const { code, out } = await run();
    assert.equal(code, 0);
    assert.equal(
      out,
      [
        "r2, read and write: none whose keys are in the environment production",
        "r2, read: none whose keys are in the repository's secrets",
        "next: npx artifacts r2-token --stack prod --create",
        "",
      ].join("\n"),
    );
    assert.deepEqual([tokens, await secrets()], [[], {}]);
  });

  it("--create makes a token that writes and one that reads this bucket alone, stores their keys, and keeps them the next time", async () => {
    const { code, out } = await run("--create");
    assert.equal(code, 0, out);
    const policy = (id: string) => [
      {
        effect: "allow",
        permission_groups: [{ id }],
        resources: { [`com.cloudflare.edge.r2.bucket.${account}_default_acme-images`]: "*" },
      },
    ];
    assert.deepEqual(
      tokens.map(({ name, policies, expires_on }) => [name, policies, expires_on]),
      [
        ["artifacts: acme-images, read and write", policy("2efd5506f9c8494dacb1fa10a3e7d5b6"), undefined],
        ["artifacts: acme-images, read", policy("6a018a9f2fc74eb6b293b0c548f38b39"), undefined],
      ],
    );
    const [writes, reads] = tokens as [Token, Token];
    const { production = {}, repository = {}, ...others } = await secrets();
    assert.deepEqual(others, {});
    const values = (of: typeof production) =>
      Object.fromEntries(Object.entries(of).map(([name, { value }]) => [name, value]));
    assert.deepEqual(values(production), {
      R2_ACCESS_KEY_ID: writes.id,
      R2_SECRET_ACCESS_KEY: secretOf(writes.value),
    });
    assert.deepEqual(values(repository), {
      R2_READ_ACCESS_KEY_ID: reads.id,
      R2_READ_SECRET_ACCESS_KEY: secretOf(reads.value),
    });
    const again = await run("--create");
    assert.match(again.out, /^r2, read and write: 0+1, its keys are in the environment production\nr2, read: 0+2, /);
    assert.equal(again.out.split("\n").length, 3, "nothing is left to do");
    assert.deepEqual(ids(), [writes.id, reads.id]);
  });

  it("no key is printed, in an argument, or in a request that is logged", async () => {
    for (const options of [["--create"], ["--rotate"], ["--revoke"], ["--rotate", "--json"]]) {
      const { out, err } = await run(...options, "--verbose");
      const seen = `${out}${err}${await readFile(ghCalls, "utf8")}${requests.join("\n")}`;
      assert.ok(made > 0);
      for (let number = 1; number <= made; number++) {
        const value = `value-of-${number}-${"x".repeat(32)}`;
        assert.ok(!seen.includes(value) && !seen.includes(secretOf(value)), `${options.join(" ")}: ${seen}`);
      }
      assert.ok(!seen.includes("of-an-owner"));
    }
  });

  it("--rotate makes new ones and leaves those before; --revoke, the second word, revokes them", async () => {
    await run("--create");
    const before = ids();
    const rotated = await run("--rotate");
    assert.equal(rotated.code, 0);
    assert.match(rotated.out, /made 0+3, .*; others that are valid: 0+1\n/);
    assert.match(rotated.out, /next: wait until .*\nnext: npx artifacts r2-token --stack prod --revoke\n$/);
    assert.deepEqual(ids().slice(0, 2), before);
    assert.equal((await secrets())["production"]?.["R2_ACCESS_KEY_ID"]?.value, ids()[2]);
    const revoked = await run("--revoke");
    assert.match(revoked.out, /revoked 0+1\n.*revoked 0+2\n$/);
    assert.equal(tokens.length, 2);
    assert.ok(!ids().some((id) => before.includes(id)));
  });

  it("--revoke leaves every token while the newest was never stored: an older one is in use", async () => {
    await run("--create");
    const used = tokens[0]!;
    const later = new Date(Date.now() + 30_000).toISOString();
    tokens.push({ ...used, id: "f".repeat(32), issued_on: later }); // a run that broke off between making and storing
    const { code, err } = await run("--revoke");
    assert.equal(code, 1);
    assert.match(err, /does not have the keys of the newest token to read and write.*run --rotate first/);
    assert.equal(tokens.length, 3);
    assert.match((await run()).out, /none whose keys .*others that are valid: f{32}, 0+1\n/);
  });

  it("keys of which only one was replaced are no token's", async () => {
    await run("--create");
    const state = await secrets();
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const halved = {
      ...state["production"],
      R2_ACCESS_KEY_ID: { value: "of a token that was revoked", updated_at: later },
    };
    await writeFile(ghState, JSON.stringify({ ...state, production: halved }));
    assert.match((await run()).out, /^r2, read and write: none whose keys .*others that are valid: 0+1\n/);
    assert.match((await run("--revoke")).err, /run --rotate first/);
    assert.equal(tokens.length, 2);
  });

  it("an id that would be more than a word of a shell, or a line of secrets, is not taken", async () => {
    for (const id of ["'; touch here; '", "1\nR2_SECRET_ACCESS_KEY=2"]) {
      created = { id };
      for (const option of ["--print", "--create"]) {
        const { code, out, err } = await run(option);
        assert.deepEqual([code, out], [1, ""]);
        assert.match(err, /did not tell its id and value: revoke it there/);
      }
    }
    assert.deepEqual(await secrets(), {});
  });

  it("a token whose keys cannot be stored is revoked again, and nothing is printed of it", async () => {
    const { code, out, err } = await run({ GH_FAILS: "1" }, "--create");
    assert.equal(code, 1);
    assert.match(err, /HTTP 403: Resource not accessible/);
    assert.deepEqual(tokens, []);
    assert.ok(!`${out}${err}`.includes(secretOf(`value-of-1-${"x".repeat(32)}`)));
  });

  it("says which right is missing at Cloudflare, and that gh is", async () => {
    refuses = "POST";
    assert.match((await run("--create")).err, /answers 403 .*needs the right to edit Account API Tokens/);
    assert.match((await run({ PATH: "/nowhere" }, "--create")).err, /gh is not on PATH/);
    assert.deepEqual(tokens, []);
  });

  it("finds its tokens among more than Cloudflare lists at once", async () => {
    await run("--create");
    tokens.unshift(
      ...Array.from({ length: 100 }, (_, index) => ({ ...tokens[0]!, id: `o${index}`, name: `other ${index}` })),
    );
    requests = [];
    assert.match((await run()).out, /^r2, read and write: 0+1, its keys/);
    assert.ok(requests.some((request) => request.endsWith("page=3")));
    assert.equal(requests.filter((request) => request.endsWith("page=1")).length, 1, "lists them once");
  });

  it("a bucket in a jurisdiction has tokens of its own, under its own keys", async () => {
    await writeConfig(", jurisdiction: eu, keys: ACME");
    await run("--create");
    assert.equal(tokens[0]?.name, "artifacts: acme-images (eu), read and write");
    assert.match(JSON.stringify(tokens[0]?.policies), new RegExp(`r2\\.bucket\\.${account}_eu_acme-images`));
    assert.deepEqual(Object.keys((await secrets())["repository"] ?? {}), [
      "ACME_READ_ACCESS_KEY_ID",
      "ACME_READ_SECRET_ACCESS_KEY",
    ]);
  });

  it("--print gives a shell the keys of a token that ends in a day, and stores nothing", async () => {
    const { code, out } = await run("--print");
    assert.equal(code, 0);
    const [token, ...more] = tokens;
    assert.ok(token && more.length === 0);
    assert.equal(token.name, "artifacts: acme-images, by hand");
    const lasts = (Date.parse(token.expires_on ?? "") - Date.now()) / 3_600_000;
    assert.ok(lasts > 23.9 && lasts <= 24, token.expires_on);
    assert.match(token.expires_on ?? "", /:\d\dZ$/, "as Cloudflare writes times");
    const shown = execFileSync("sh", ["-c", `eval "$1"; echo $R2_ACCESS_KEY_ID $R2_SECRET_ACCESS_KEY`, "sh", out]);
    assert.equal(String(shown).trim(), `${token.id} ${secretOf(token.value)}`);
    assert.equal(await readFile(ghCalls, "utf8"), "");
    await run("--create");
    assert.equal((await run("--revoke")).code, 0);
    assert.equal(tokens.length, 3, "what is printed is not what is rotated");
  });

  it("one thing at a time, and of stores that are made here", async () => {
    for (const options of [
      ["--create", "--rotate"],
      ["--rotate", "--revoke"],
      ["--print", "--json"],
      ["--store", "r3"],
    ])
      assert.equal((await run(...options)).code, 2, options.join(" "));
    await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
    assert.match((await run("--create")).err, /no store of kind r2/);
    assert.deepEqual([tokens, requests], [[], []]);
  });
});

async function writeConfig(more: string): Promise<void> {
  const store = `{name: r2, kind: r2, bucket: acme-images, account: ${account}, zone: ${account}, url: "https://i.example.org", near: us-central1${more}}`;
  const config = `${stackFile}  artifacts:imageStores: [${store}]\n  cloudflare:baseUrl: ${cloudflare.url}/client/v4\n`;
  await writeFile(join(folder, "Pulumi.prod.yaml"), config);
}

function run(...args: readonly (string | Readonly<Record<string, string>>)[]): Promise<EndedCommand> {
  const env = Object.assign(
    { PATH: [folder, process.env["PATH"]].join(delimiter), CLOUDFLARE_API_TOKEN: "of-an-owner" },
    ...args.filter((arg) => typeof arg === "object"),
  ) as Record<string, string>;
  return runArtifacts(["r2-token", ...args.filter((arg) => typeof arg === "string")], { cwd: folder, env });
}

/** Cloudflare's API. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://cloudflare");
  requests.push(`${request.method} ${url.pathname}${url.search}`);
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const say = (status: number, result: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ success: status < 400, result }));
  };
  assert.equal(request.headers.authorization, "Bearer of-an-owner");
  const [, id] = new RegExp(`^/client/v4/accounts/${account}/tokens(?:/(\\w+))?$`).exec(url.pathname) ?? [];
  if (request.method === refuses) return say(403, "no permission");
  if (request.method === "POST") {
    const value = `value-of-${++made}-${"x".repeat(32)}`;
    const token = {
      ...(JSON.parse(body) as Pick<Token, "name" | "policies">),
      id: String(made).padStart(32, "0"),
      value,
      issued_on: new Date().toISOString(),
    };
    tokens.push(token);
    return say(200, { ...token, ...created });
  }
  if (request.method === "DELETE") {
    tokens = tokens.filter((token) => token.id !== id);
    return say(200, { id });
  }
  const [size, page] = [Number(url.searchParams.get("per_page")), Number(url.searchParams.get("page"))];
  assert.ok(size >= 5 && size <= 50, "what Cloudflare lists at once");
  const listed = tokens.map(({ value: _, ...token }) => token).slice((page - 1) * size, page * size);
  say(200, listed);
}
