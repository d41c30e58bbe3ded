import { z } from "zod";
import { cloudflareCall } from "../stack/cloudflare-call.ts";
import { cloudflareResponse, parsedResponse } from "./cloudflare-response.ts";
import { CommandError } from "./command.ts";
import { printDetail } from "./output.ts";

/** A token that an account at Cloudflare owns. */
export interface AccountToken {
  readonly id: string;
  readonly name: string;
  /** When it was made, in milliseconds. */
  readonly issued: number;
}

/** What a new token may do. */
export interface TokenRequest {
  readonly name: string;
  /** Id of a permission group. */
  readonly permission: string;
  /** What the permission is for. */
  readonly resource: string;
  /** Whole seconds from now; undefined: until it is revoked. */
  readonly lasts?: number | undefined;
}

const tokenSchema = z.object({ id: z.string(), name: z.string().default(""), issued_on: z.string().default("") });
const listSchema = z.object({ result: z.array(tokenSchema) });
/** The id becomes a line of secrets, and with --print a word of a shell: nothing that ends either is taken. */
const createdSchema = z.object({
  result: z.object({ id: z.string().regex(/^[\w-]{1,64}$/), value: z.string().min(1) }),
});

/** The most that Cloudflare lists at once ("List Tokens"). */
const pageLength = 50;

/**
 * The tokens that an account at Cloudflare owns (API v4, accounts, tokens: "List Tokens", "Create Token", "Delete Token"), with CLOUDFLARE_API_TOKEN. They
 * stay valid when the person leaves who made them, as a user's do not (R2, "Authentication").
 */
export class AccountTokens {
  readonly #endpoint: string | undefined;
  readonly #path: string;

  /** @param endpoint the provider's setting `cloudflare:baseUrl`. */
  constructor(endpoint: string | undefined, account: string) {
    this.#endpoint = endpoint;
    this.#path = `accounts/${account}/tokens`;
  }

  async list(): Promise<AccountToken[]> {
    const tokens: AccountToken[] = [];
    for (let page = 1; ; page++) {
      const text = await this.#call("GET", `?per_page=${pageLength}&page=${page}`);
      const { data } = listSchema.safeParse(parsedResponse(text));
      if (data === undefined) throw new CommandError(`${this.#path}: Cloudflare's list of tokens has another form`);
      for (const { id, name, issued_on } of data.result) tokens.push({ id, name, issued: Date.parse(issued_on) || 0 });
      if (data.result.length < pageLength) return tokens;
    }
  }

  /** @returns its id and value. Cloudflare tells the value this once: no error here holds it. */
  async create({ name, permission, resource, lasts }: TokenRequest): Promise<{ id: string; value: string }> {
    const body = {
      name,
      policies: [{ effect: "allow", permission_groups: [{ id: permission }], resources: { [resource]: "*" } }],
      ...(lasts !== undefined && {
        expires_on: new Date(Date.now() + lasts * 1_000).toISOString().replace(/\.\d+Z$/, "Z"),
      }),
    };
    const { data } = createdSchema.safeParse(parsedResponse(await this.#call("POST", "", body)));
    if (data === undefined)
      throw new CommandError(`Cloudflare made the token "${name}" and did not tell its id and value: revoke it there`);
    return data.result;
  }

  async delete(id: string): Promise<void> {
    await this.#call("DELETE", `/${encodeURIComponent(id)}`);
  }

  async #call(method: string, path: string, body?: object): Promise<string> {
    const { address, headers } = cloudflareCall(this.#endpoint, `${this.#path}${path}`);
    printDetail(`${method} ${address}`);
    return await cloudflareResponse(
      { address, headers: { ...headers, "content-type": "application/json" } },
      "edit Account API Tokens, on this account",
      { method, ...(body !== undefined && { body: JSON.stringify(body) }) },
    );
  }
}
