import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { type DataAction, type DataStore, mayAccess, type Requester } from "./access.ts";
import type { Delays } from "./delays.ts";
import type { CloudInventory, Resource } from "./inventory.ts";

/** Why a request is refused. */
export interface Denial {
  /** 401: the token is none of this cloud. */
  readonly status: 401 | 403;
  readonly message: string;
}

/**
 * The clouds' IAM in front of the emulated registries and buckets: the grants in the inventory decide, by who asks. Off until it is switched on:
 * the artifacts of a rehearsal are in staging before the program makes any grant.
 */
export class Guard {
  readonly #inventory: CloudInventory;
  readonly #delays: Delays;
  readonly #tokens = new Map<string, Requester>();
  on = false;

  constructor(inventory: CloudInventory, delays: Delays) {
    this.#inventory = inventory;
    this.#delays = delays;
  }

  /** A token for somebody: Google's access token, and the id of an access key in AWS. */
  issue(requester: Requester): string {
    const token = `T${randomBytes(12).toString("hex").toUpperCase()}`;
    this.#tokens.set(token, requester);
    return token;
  }

  /** Whose token it is. */
  bearer(token: string): Requester | undefined {
    return this.#tokens.get(token);
  }

  /**
   * Why a request is refused; undefined: it is allowed. A grant that is too new to hold gets older by being asked for.
   * @param headers with `Authorization: Bearer <token>`, or Basic with the token as the password, as Artifact Registry takes it.
   */
  denial(headers: IncomingHttpHeaders, action: DataAction, store: DataStore): Denial | undefined {
    if (!this.on) return undefined;
    const requester = this.#requester(headers);
    if (requester === undefined) return { status: 401, message: "Request had invalid authentication credentials." };
    return this.allows(requester, action, store)
      ? undefined
      : {
          status: 403,
          message: `Permission to ${action} denied on ${JSON.stringify(store)} for ${requester.members[0]}`,
        };
  }

  /** Whether somebody may do something by now. */
  allows(requester: Requester, action: DataAction, store: DataStore): boolean {
    const all = this.#inventory.list();
    const young = all.filter((resource) => isDataGrant(resource) && !this.#delays.holds("grant", grantKey(resource)));
    const held = young.length === 0 ? all : all.filter((resource) => !young.includes(resource));
    if (mayAccess(held, requester, action, store)) return true;
    for (const grant of young) {
      if (mayAccess([...held, grant], requester, action, store)) this.#delays.asked("grant", grantKey(grant));
    }
    return false;
  }

  #requester({ authorization, "user-agent": agent }: IncomingHttpHeaders): Requester | undefined {
    if (authorization !== undefined) {
      const [scheme = "", value = ""] = authorization.split(" ", 2);
      const token = /^basic$/i.test(scheme)
        ? Buffer.from(value, "base64")
            .toString("utf8")
            .replace(/^[^:]*:/, "")
        : value;
      return this.#tokens.get(token);
    }
    // The promotion sends no credentials to a loopback address: it runs as the identity that deploys.
    return agent === "artifacts-promotion" ? this.#deployer() : { members: ["allUsers"] };
  }

  #deployer(): Requester | undefined {
    const account = this.#inventory
      .list("gcp:serviceaccount/account:Account")
      .find(({ inputs }) => inputs["accountId"] === "artifacts-deploy");
    return account && { members: [String(account.computed["member"])], awsRole: "artifacts-deploy" };
  }
}

/** Whether a resource grants access to a repository or a bucket. */
export function isDataGrant({ type }: Pick<Resource, "type">): boolean {
  return /^gcp:(artifactregistry\/repositoryIam|storage\/bucketIAM)/.test(type);
}

/** What a grant is known by to {@link Delays}. */
export function grantKey({ type, id }: Pick<Resource, "type" | "id">): string {
  return `${type} ${id}`;
}
