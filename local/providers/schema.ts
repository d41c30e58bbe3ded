import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What kind of value an output is; enough to stand in for one that the emulation knows nothing of. */
export type OutputKind = "text" | "number" | "boolean" | "list" | "object";

/** A declared output of a resource type. */
export interface DeclaredOutput {
  readonly kind: OutputKind;
  /** The type says that it may be undefined. */
  readonly optional: boolean;
}

/** What the SDK's own class says of a resource type. */
export interface Schema {
  readonly inputs: ReadonlySet<string>;
  readonly required: readonly string[];
  readonly outputs: ReadonlyMap<string, DeclaredOutput>;
}

const require = createRequire(import.meta.url);
const known = new Map<string, Schema | undefined>();

/** The version of the SDK package `@pulumi/<provider>`, which is the version of the plugin it asks for. */
export function sdkVersion(provider: string): string {
  const manifest = require(`@pulumi/${provider}/package.json`) as { version: string; pulumi?: { version?: string } };
  return manifest.pulumi?.version ?? manifest.version;
}

/**
 * Reads the schema of a type from the generated class in the SDK: its constructor lists the inputs, the required ones and the outputs; its
 * declaration file their types. Only the files of the types in use are read: loading an SDK takes seconds.
 * @param token e.g. `gcp:storage/bucket:Bucket`
 * @returns undefined for a type that the SDK does not have.
 */
export function schemaOf(token: string): Schema | undefined {
  if (known.has(token)) return known.get(token);
  const schema = read(token);
  known.set(token, schema);
  return schema;
}

function read(token: string): Schema | undefined {
  const [provider = "", path = ""] = token.split(":");
  const file = classFile(provider, path);
  if (file === undefined) return undefined;
  return parseClass(readFileSync(`${file}.js`, "utf8"), readFileSync(`${file}.d.ts`, "utf8"));
}

/** Module `index` is the package's root. The generated files' names are lower case at the start (`uRLMap` -> `urlmap.js`). */
function classFile(provider: string, path: string): string | undefined {
  const [module = "", name = ""] = path.split("/");
  const root = dirname(require.resolve(`@pulumi/${provider}/package.json`));
  const folder = module === "index" ? root : join(root, module);
  let files: string[];
  try {
    files = readdirSync(folder);
  } catch {
    return undefined; // the SDK has no such module
  }
  const wanted = `${name}.js`.toLowerCase();
  const found = files.find((file) => file === `${name}.js`) ?? files.find((file) => file.toLowerCase() === wanted);
  return found === undefined ? undefined : join(folder, found.slice(0, -".js".length));
}

/** Reads the texts of a generated class: its JavaScript and its declaration. */
export function parseClass(script: string, declaration: string): Schema {
  const inputs = [...script.matchAll(/resourceInputs\["(\w+)"\] = .*\bargs\?\.\w+/g)].map((match) => match[1]!);
  const required = [...script.matchAll(/Missing required property '(\w+)'/g)].map((match) => match[1]!);
  const outputs = [...declaration.matchAll(/^ {4}readonly (\w+): pulumi\.Output<([\s\S]*?)>;$/gm)].map(
    (match): [string, DeclaredOutput] => [match[1]!, output(match[2]!)],
  );
  return { inputs: new Set(inputs), required: [...new Set(required)], outputs: new Map(outputs) };
}

function output(type: string): DeclaredOutput {
  const optional = /\| undefined$/.test(type);
  const bare = type.replace(/ \| undefined$/, "");
  if (bare.endsWith("[]")) return { kind: "list", optional };
  if (bare === "number" || bare === "boolean") return { kind: bare, optional };
  if (/^(string|"|pulumi\.ARN|ARN|enums\.)/.test(bare) || /\bstring\b/.test(bare.replaceAll(/\{[\s\S]*\}/g, "")))
    return { kind: "text", optional };
  return { kind: "object", optional };
}
