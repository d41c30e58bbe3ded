/**
 * Credentials that end while a promotion runs are renewed. GitHub's token server and those of AWS and Google are played on loopback: what they give
 * is about to end, and is refused soon after something newer was given, as it happens hours into a long run. AWS's side runs as the workflow sets it up.
 *
 * Only GitHub can show that its token server answers a job for as long as it runs: Google's own action relies on the same ("credential_source" with
 * a URL, https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { parse } from "yaml";
import { applicationDefaultCredentials } from "../../components/promotion/oci/credentials.ts";
import type { StoreClient } from "../../components/promotion/storage/bucket.ts";
import { connectS3 } from "../../components/promotion/storage/s3.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";

const root = join(import.meta.dirname, "../..");
const signal = new AbortController().signal;
/** Shorter than the time before the end at which both SDKs renew a credential (five minutes), so that each request asks for a new one. */
const seconds = 200;

describe("credentials that end while a promotion runs", () => {
  let folder: string;
  let server: LoopbackServer;
  let url: string;
  const environment = { ...process.env };
  /** Tokens that GitHub gave and nobody has exchanged, by audience; the keys that AWS gave, and those that requests used. */
  const tokens = new Map<string, string>();
  const keys: string[] = [];
  const used = new Set<string>();
  let given = 0;
  let asked: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "credentials-last-"));
    server = await serveOnLoopback((request, response) => {
      void answer(request).then(({ status = 200, body }) => {
        response
          .writeHead(status, { "content-length": Buffer.byteLength(body), etag: '"1"', "metadata-flavor": "Google" })
          .end(request.method === "HEAD" ? "" : body);
      });
    });
    url = server.url;
  });
  beforeEach(() => {
    asked = [];
    Object.assign(process.env, {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/github?api-version=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of the job",
      AWS_ENDPOINT_URL_STS: `${url}/sts`,
      GITHUB_RUN_ID: "4711",
    });
    // What a person's machine has comes before the config's profile.
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"])
      delete process.env[name];
  });
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  async function answer(request: IncomingMessage): Promise<{ status?: number; body: string }> {
    const { pathname, searchParams } = new URL(request.url ?? "", url);
    const body = await text(request);
    if (pathname === "/github") {
      const audience = searchParams.get("audience") ?? "";
      if (request.headers.authorization !== "Bearer of the job") return { status: 401, body: "" };
      tokens.set(audience, `token-${++given}`);
      return { body: JSON.stringify({ value: tokens.get(audience) }) };
    }
    if (pathname === "/computeMetadata/v1/instance/service-accounts/default/identity") {
      if (request.headers["metadata-flavor"] !== "Google") return { status: 403, body: "" };
      tokens.set(searchParams.get("audience") ?? "", `token-${++given}`);
      return { body: `token-${given}` };
    }
    if (pathname.startsWith("/sts")) {
      const form = new URLSearchParams(body);
      assert.equal(form.get("Action"), "AssumeRoleWithWebIdentity");
      if (form.get("WebIdentityToken") !== tokens.get("sts.amazonaws.com"))
        return {
          status: 400,
          body: "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>",
        };
      tokens.delete("sts.amazonaws.com");
      asked.push(`${form.get("RoleArn")} ${form.get("RoleSessionName")}`);
      const key = `ASIA${++given}`;
      keys.push(key);
      const end = new Date(Date.now() + seconds * 1000).toISOString();
      return {
        body: `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${end}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
      };
    }
    if (pathname === "/google-sts") {
      const subject =
        (body.startsWith("{") ? (JSON.parse(body) as Record<string, string>)["subject_token"] : undefined) ??
        new URLSearchParams(body).get("subject_token");
      if (subject !== tokens.get("google"))
        return { status: 400, body: '{"error":"invalid_grant","error_description":"expired"}' };
      tokens.delete("google");
      return {
        body: JSON.stringify({
          access_token: `ya29-${++given}`,
          token_type: "Bearer",
          expires_in: seconds,
          issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
        }),
      };
    }
    // S3. The SDK goes on with a key while it asks for the next one, so the last but one is good too.
    const key = /Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";
    used.add(key);
    return keys.slice(-2).includes(key) ? { body: "hello" } : { status: 400, body: "" };
  }

  it("AWS: the role is taken again, as the workflow's set-up says", async () => {
    const action = parse(await readFile(join(root, ".github/actions/set-up/action.yml"), "utf8")) as {
      runs: { steps: { name?: string; run?: string }[] };
    };
    const script = action.runs.steps.find(({ name }) => name?.includes("asks AWS"))?.run ?? "";
    const role = "arn:aws:iam::123456789012:role/artifacts-deploy";
    const { status, stderr } = spawnSync("bash", ["-eo", "pipefail", "-c", script], {
      cwd: root,
      env: { PATH: process.env["PATH"], HOME: folder, ROLE: role, REGION: "us-east-1" },
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    process.env["HOME"] = folder;
    const client: StoreClient = connectS3({ region: "us-east-1", endpoint: url, pathStyle: true });
    try {
      const bucket = client.bucket("files");
      while (used.size < 4) {
        assert.equal((await bucket.stat("a", signal))?.size, 5);
        await setTimeout(20); // a new key takes the start of a process
      }
    } finally {
      await client.close();
    }
    assert.deepEqual(new Set(asked), new Set([`${role} artifacts-4711`]));
  });

  it("AWS: a task of Cloud Run takes its role again, by tokens that Google gives it", async () => {
    const role = "arn:aws:iam::123456789012:role/artifacts-fill";
    Object.assign(process.env, {
      GCE_METADATA_HOST: new URL(url).host,
      CLOUD_RUN_EXECUTION: "artifacts-fill-x7k2p",
      CLOUD_RUN_TASK_INDEX: "3",
      AWS_ROLE_ARN: role,
    });
    const client: StoreClient = connectS3({ region: "us-east-1", endpoint: url, pathStyle: true });
    try {
      const before = keys.length;
      while (keys.length < before + 3) {
        assert.equal((await client.bucket("files").stat("a", signal))?.size, 5);
        await setTimeout(5);
      }
    } finally {
      await client.close();
    }
    assert.deepEqual(new Set(asked), new Set([`${role} artifacts-fill-x7k2p-3`]));
  });

  it("Google: the job's token is asked for again, at the URL in the credentials of google-github-actions/auth", async () => {
    const file = join(folder, "google.json");
    await writeFile(
      file,
      JSON.stringify({
        type: "external_account",
        audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/providers/actions",
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        token_url: `${url}/google-sts`,
        credential_source: {
          url: `${url}/github?audience=google`,
          headers: { Authorization: "Bearer of the job" },
          format: { type: "json", subject_token_field_name: "value" },
        },
      }),
    );
    // The action sets both.
    Object.assign(process.env, { GOOGLE_APPLICATION_CREDENTIALS: file, GOOGLE_CLOUD_PROJECT: "example" });
    const source = applicationDefaultCredentials();
    const passwords = new Set<string>();
    for (let request = 0; request < 3; request++) passwords.add((await source("us-docker.pkg.dev"))?.password ?? "");
    assert.equal(passwords.size, 3);
  });

  it("a job without the right to a token is told so", () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(root, "components/commands/artifacts.mjs"), "aws-credentials", "--role", "r", "--region", "us-east-1"],
      { env: { PATH: process.env["PATH"], NO_COLOR: "1" }, encoding: "utf8" },
    );
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^error: GitHub gives this job no identity token .*: run it in a job with the permission id-token: write$/m,
    );
  });
});
