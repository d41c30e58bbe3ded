/** Whom a task of the emulated Cloud Run is: Google's metadata server, and AWS's STS for the token that it gives. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import type { CloudInventory } from "./inventory.ts";
import { closeServer, listen, type S3Credentials } from "./servers.ts";
import { text } from "./values.ts";

/** The account that tasks run as. */
export interface TaskAccount {
  readonly email: string;
  /** Its number. */
  readonly uniqueId: string;
}

/** Who may do what in the emulated clouds. */
export interface TaskRights {
  readonly inventory: CloudInventory;
  /** An access token of Google for a member of grants. */
  accessToken(member: string): string;
  /** Keys of AWS for whoever took a role. */
  roleKeys(role: string): S3Credentials;
}

interface Claims {
  readonly aud: string;
  readonly azp: string;
  readonly sub: string;
  readonly email: string;
}

/**
 * The servers of one execution, on a port of their own, because a token says who asks by where it was asked for: `/computeMetadata/v1/` ("About VM
 * metadata"; clients find it by GCE_METADATA_HOST) and `/sts` (AWS_ENDPOINT_URL_STS). Tokens have no signature: this server alone takes them.
 */
export class TaskIdentity {
  readonly #account: TaskAccount;
  readonly #rights: TaskRights;
  readonly #server: Server;

  private constructor(account: TaskAccount, rights: TaskRights) {
    this.#account = account;
    this.#rights = rights;
    this.#server = createServer((request, response) => {
      this.#answer(request).then(
        ({ status = 200, type = "text/plain", body }) =>
          response
            .writeHead(status, {
              "content-type": type,
              "content-length": Buffer.byteLength(body),
              "metadata-flavor": "Google",
            })
            .end(body),
        () => response.destroy(),
      );
    });
  }

  static async open(account: TaskAccount, rights: TaskRights): Promise<TaskIdentity> {
    const identity = new TaskIdentity(account, rights);
    await listen(identity.#server, 0);
    return identity;
  }

  /** Where the clients of Google and AWS find it. */
  get environment(): Readonly<Record<string, string>> {
    const host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return { GCE_METADATA_HOST: host, AWS_ENDPOINT_URL_STS: `http://${host}/sts` };
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  async #answer(request: IncomingMessage): Promise<{ status?: number; type?: string; body: string }> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://metadata");
    if (pathname.startsWith("/sts")) return this.#assumeRole(new URLSearchParams(await readText(request)));
    if (request.headers["metadata-flavor"] !== "Google") return { status: 403, body: "Missing Metadata-Flavor header" };
    const { email, uniqueId } = this.#account;
    switch (/^\/computeMetadata\/v1\/instance\/service-accounts\/[^/]+\/(\w+)$/.exec(pathname)?.[1]) {
      case "email":
        return { body: email };
      case "token": {
        const access_token = this.#rights.accessToken(`serviceAccount:${email}`);
        const body = JSON.stringify({ access_token, expires_in: 3599, token_type: "Bearer" });
        return { type: "application/json", body };
      }
      case "identity": {
        const audience = searchParams.get("audience") ?? "";
        return { body: tokenOf({ aud: audience, azp: uniqueId, sub: uniqueId, email }) };
      }
      default:
        return pathname === "/computeMetadata/v1/instance" ? { body: "" } : { status: 404, body: "not found" };
    }
  }

  /** AssumeRoleWithWebIdentity (AWS STS API Reference). */
  #assumeRole(form: URLSearchParams): { status?: number; type: string; body: string } {
    const type = "text/xml";
    const arn = form.get("RoleArn") ?? "";
    const role = this.#rights.inventory.find("aws:iam/role:Role", arn.slice(arn.lastIndexOf("/") + 1));
    const claims = claimsOf(form.get("WebIdentityToken") ?? "");
    if (role === undefined || claims === undefined || !trusts(text(role.inputs, "assumeRolePolicy"), claims)) {
      const error =
        "<Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message>";
      return { status: 403, type, body: `<ErrorResponse><Error><Type>Sender</Type>${error}</Error></ErrorResponse>` };
    }
    const { accessKeyId, secretAccessKey } = this.#rights.roleKeys(text(role.inputs, "name"));
    const end = new Date(Date.now() + 3_600_000).toISOString();
    const keys = `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${end}</Expiration>`;
    const result = `<AssumeRoleWithWebIdentityResult><Credentials>${keys}</Credentials></AssumeRoleWithWebIdentityResult>`;
    const body = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleWithWebIdentityResponse>`;
    return { type, body };
  }
}

function tokenOf(claims: Claims): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const seconds = Math.floor(Date.now() / 1_000);
  const all = { ...claims, iss: "https://accounts.google.com", iat: seconds, exp: seconds + 3_600 };
  return `${part({ alg: "none", typ: "JWT" })}.${part(all)}.`;
}

function claimsOf(token: string): Claims | undefined {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Claims;
  } catch {
    return undefined;
  }
}

interface TrustStatement {
  readonly Effect: string;
  readonly Principal: { readonly Federated?: string };
  readonly Action: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Whether a role is given to the bearer of a token of Google. AWS calls the token's `azp` `aud`, and its `aud` `oaud` (IAM User Guide, "IAM and AWS STS
 * condition context keys", "Available keys for AWS OIDC federation").
 */
function trusts(policy: string, { aud, azp, sub }: Claims): boolean {
  const { Statement } = JSON.parse(policy) as { Statement: readonly TrustStatement[] };
  const values: Readonly<Record<string, string>> = {
    "accounts.google.com:aud": azp,
    "accounts.google.com:oaud": aud,
    "accounts.google.com:sub": sub,
  };
  return Statement.some(
    ({ Effect, Principal, Action, Condition = {} }) =>
      Effect === "Allow" &&
      Action === "sts:AssumeRoleWithWebIdentity" &&
      Principal.Federated === "accounts.google.com" &&
      Object.entries(Condition).every(
        ([operator, wanted]) =>
          operator === "StringEquals" && Object.entries(wanted).every(([key, value]) => values[key] === value),
      ),
  );
}
