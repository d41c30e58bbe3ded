import { readFileSync } from "node:fs";

/** What the real provider does with one input of a type. Nested inputs are named with dots; elements of lists have no index. */
export interface PropertyFacts {
  /** `string`, `integer`, `number`, `boolean`, `object`, `asset`, `list<...>`, `set<...>`, `map<...>`; several separated by `|`: any. */
  readonly type?: string;
  /** Within its element, if it is nested. */
  readonly required?: boolean;
  /** A change replaces the resource; "where set": only if the program sets it. */
  readonly replaces?: boolean | "where set";
  /** The provider may fill it in: leaving it out of the program is no change. */
  readonly computed?: boolean;
  /** Filled in by Check. */
  readonly default?: unknown;
  readonly oneOf?: readonly string[];
  /** RE2, not anchored by itself. */
  readonly pattern?: string;
  /** A rule of {@link propertyRules}. */
  readonly rule?: string;
  readonly min?: number;
  readonly max?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  /** Of each element of a list of texts. */
  readonly each?: { readonly oneOf?: readonly string[]; readonly rule?: string };
  readonly conflictsWith?: readonly string[];
  readonly exactlyOneOf?: readonly string[];
  readonly atLeastOneOf?: readonly string[];
  readonly requiredWith?: readonly string[];
}

/** What the real provider and its cloud do with one type. */
export interface TypeFacts {
  readonly properties: Readonly<Record<string, PropertyFacts>>;
  /** Creating what exists: refused with 409, or accepted (a setting, a grant, or a second one). */
  readonly create?: "refused" | "accepted";
  /** Check accepts properties that the type does not have. */
  readonly takesUnknown?: boolean;
  /** Forms of an import's id. */
  readonly importIds: readonly string[];
  /** False: the type cannot be imported. */
  readonly importable?: boolean;
  /** By form of the id: inputs that the plan after the import wants to replace. */
  readonly replacedAfterImport?: Readonly<Record<string, readonly string[]>>;
  /** Top-level inputs that an import does not give back. */
  readonly notReadOnImport?: readonly string[];
  /** An import, and a refresh, of what is not there finds it, empty: bindings without members. */
  readonly foundWhenGone?: boolean;
  /** Changes whose effect the properties do not tell. */
  readonly onChange?: Readonly<Record<string, string>>;
  /** Inputs that stay as they are when the program leaves them out. */
  readonly removalIgnored?: readonly string[];
  /** What the cloud keeps of a deleted resource, and when its name is free again. */
  readonly softDeleted?: { readonly keeps: string; readonly idReusable?: string };
  /** Every replacement deletes first. */
  readonly deleteBeforeReplace?: boolean;
}

/** The facts of one provider. */
export interface ProviderFacts {
  /** Version of the provider, how the facts were found, and when. */
  readonly measured: string;
  /** Version of the SDK package that they belong to. */
  readonly sdk: string;
  readonly types: Readonly<Record<string, TypeFacts>>;
}

const cache = new Map<string, ProviderFacts>();

/**
 * The facts of a provider (`gcp`, `aws`, `cloudflare`), from `local/providers/facts/`.
 * @internal exported for its tests.
 */
export function providerFacts(provider: string): ProviderFacts {
  const known = cache.get(provider);
  if (known !== undefined) return known;
  const facts = JSON.parse(readFileSync(new URL(`facts/${provider}.json`, import.meta.url), "utf8")) as ProviderFacts;
  cache.set(provider, facts);
  return facts;
}

/** The facts of a type, e.g. `gcp:storage/bucket:Bucket`; undefined where none were measured. */
export function typeFacts(token: string): TypeFacts | undefined {
  const provider = token.slice(0, token.indexOf(":"));
  return ["gcp", "aws", "cloudflare"].includes(provider) ? providerFacts(provider).types[token] : undefined;
}
