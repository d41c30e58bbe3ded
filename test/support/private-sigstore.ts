/** A private Sigstore of real servers on loopback: Fulcio with an ephemeral authority, a timestamp authority, and an issuer of tokens as GitHub has one. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createPublicKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterFile } from "./cleanup.ts";
import { serveOnLoopback } from "./loopback-server.ts";
import { freePort } from "./ports.ts";
import { answers, end } from "./seed-servers.ts";

/** A private Sigstore that runs. It has no logs: a transparency log needs a database. */
export interface PrivateSigstore {
  readonly fulcio: string;
  readonly timestamps: string;
  /** Who vouches for identities. */
  readonly issuer: string;
  /** Its `trusted_root.json`. */
  readonly root: string;
  /** The environment of a job in GitHub Actions of this workflow, which may ask for tokens. */
  jobOf(workflow: string): Record<string, string>;
  /** A token of that job. */
  tokenOf(workflow: string): string;
  stop(): Promise<void>;
}

/** Starts one. @param programs the paths of the two servers. @param folder for their settings. */
export async function startPrivateSigstore(
  programs: { readonly fulcio: string; readonly timestamps: string },
  folder: string,
): Promise<PrivateSigstore> {
  const tokens = await startIssuer();
  const config = join(folder, "fulcio.json");
  await writeFile(config, fulcioConfig(tokens.issuer));
  const [port, grpc, metrics, timestampPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const loopback = "127.0.0.1";
  const children: ChildProcess[] = [
    spawn(
      programs.fulcio,
      [
        ...["serve", "--ca", "ephemeralca", "--ct-log-url", "", "--config-path", config],
        ...["--host", loopback, "--port", `${port}`, "--grpc-host", loopback, "--grpc-port", `${grpc}`],
        ...["--metrics-port", `${metrics}`, "--legacy-unix-domain-socket", `@artifacts-fulcio-${port}`],
      ],
      { stdio: "ignore" },
    ),
    spawn(
      programs.timestamps,
      [
        ...["serve", "--host", loopback, "--port", `${timestampPort}`],
        ...["--timestamp-signer", "memory", "--disable-ntp-monitoring"],
      ],
      { stdio: "ignore" },
    ),
  ];
  const stop = async () => {
    await Promise.all([...children.map(end), tokens.close()]);
  };
  afterFile(stop);
  const fulcio = `http://${loopback}:${port}`;
  const timestamps = `http://${loopback}:${timestampPort}`;
  await Promise.all([answers(`${fulcio}/healthz`, [200]), answers(`${timestamps}/ping`, [200])]);
  const bundle = (await (await fetch(`${fulcio}/api/v2/trustBundle`)).json()) as {
    chains: { certificates: string[] }[];
  };
  const chain = await (await fetch(`${timestamps}/api/v1/timestamp/certchain`)).text();
  return {
    fulcio,
    timestamps,
    issuer: tokens.issuer,
    root: JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [],
      ctlogs: [],
      certificateAuthorities: bundle.chains.map(({ certificates }) => authority(fulcio, certificates.join("\n"))),
      timestampAuthorities: [authority(timestamps, chain)],
    }),
    jobOf: (workflow) => ({
      ACTIONS_ID_TOKEN_REQUEST_URL: `${tokens.issuer}/token?workflow=${encodeURIComponent(workflow)}`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of this job",
    }),
    tokenOf: tokens.tokenOf,
    stop,
  };
}

function authority(uri: string, pems: string) {
  const certificates = pems
    .split(/(?<=-----END CERTIFICATE-----)/)
    .filter((pem) => pem.includes("BEGIN"))
    .map((pem) => ({ rawBytes: new X509Certificate(pem).raw.toString("base64") }));
  return {
    subject: { organization: "sigstore.dev", commonName: "sigstore" },
    uri,
    certChain: { certificates },
    validFor: { start: "2000-01-01T00:00:00Z" },
  };
}

function fulcioConfig(issuer: string): string {
  const settings = { IssuerURL: issuer, ClientID: "sigstore", Type: "github-workflow" };
  return JSON.stringify({ OIDCIssuers: { [issuer]: settings } });
}

/** An issuer with the documents of OpenID Connect Discovery, and the claims of GitHub's tokens (docs.github.com, "OpenID Connect reference"). */
async function startIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = createHash("sha256")
    .update(createPublicKey(privateKey).export({ type: "spki", format: "der" }))
    .digest("hex");
  const tokenOf = (workflow: string): string => {
    const [repository = "", ref = ""] = [/^[^/]+\/[^/]+/.exec(workflow)?.[0], workflow.split("@")[1]];
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ iss: issuer, aud: "sigstore", sub: `repo:${repository}:ref:${ref}`, iat: now, nbf: now - 5, exp: now + 300 },
      ...{ job_workflow_ref: workflow, workflow_ref: workflow, repository, ref, sha: commit, job_workflow_sha: commit },
      ...{
        workflow_sha: commit,
        event_name: "push",
        workflow: "release",
        repository_id: "1",
        repository_owner_id: "2",
      },
      ...{ repository_owner: repository.split("/")[0], repository_visibility: "public", run_id: "7", run_attempt: "1" },
      ...{ runner_environment: "github-hosted" },
    };
    const text = [{ alg: "RS256", typ: "JWT", kid }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
  };
  const server = await serveOnLoopback(({ url }, response) => {
    const { pathname, searchParams } = new URL(url!, issuer);
    const documents: Record<string, () => object> = {
      "/.well-known/openid-configuration": () => ({
        issuer,
        jwks_uri: `${issuer}/keys`,
        id_token_signing_alg_values_supported: ["RS256"],
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
      }),
      "/keys": () => ({ keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] }),
      "/token": () => ({ value: tokenOf(searchParams.get("workflow")!) }),
    };
    const document = documents[pathname];
    response.writeHead(document ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(document?.() ?? {}));
  });
  const issuer = server.url;
  return { issuer, tokenOf, close: server.close };
}

const commit = "c0ffee0000000000000000000000000000000000";
