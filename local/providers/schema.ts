import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Type of an output's value, from which its placeholder is made. */
type OutputKind = "text" | "number" | "boolean" | "list" | "object";

/** A declared output of a resource type. */
export interface DeclaredOutput {
  readonly kind: OutputKind;
  /** Its type includes undefined. */
  readonly optional: boolean;
}

/** The properties of a resource type, from the SDK's class. */
export interface Schema {
  readonly inputs: ReadonlySet<string>;
  readonly required: readonly string[];
  readonly outputs: ReadonlyMap<string, DeclaredOutput>;
}

const require = createRequire(import.meta.url);
const cache = new Map<string, Schema | undefined>();

/**
 * Reads the schema of a type from the SDK's generated class: its constructor lists inputs, required inputs and outputs, its declaration file
 * their types. Reads only the files of the types in use, because loading an SDK takes seconds.
 * @param token e.g. `gcp:storage/bucket:Bucket`
 * @returns undefined if the SDK does not have the type.
 */
export function schemaOf(token: string): Schema | undefined {
  if (cache.has(token)) return cache.get(token);
  const schema = read(token);
  cache.set(token, schema);
  return schema;
}

function read(token: string): Schema | undefined {
  const [provider = "", path = ""] = token.split(":");
  const file = classFile(provider, path);
  if (file === undefined) return undefined;
  return parseClass(readFileSync(`${file}.js`, "utf8"), readFileSync(`${file}.d.ts`, "utf8"));
}

/** The path of a class without its ending. Module `index` is the package's root. File names may differ in case (`uRLMap` -> `urlmap.js`). */
function classFile(provider: string, path: string): string | undefined {
  const [module = "", name = ""] = path.split("/");
  const root = dirname(require.resolve(`@pulumi/${provider}/package.json`));
  const folder = module === "index" ? root : join(root, module);
  let files: string[];
  try {
    files = readdirSync(folder);
  } catch {
    return undefined; // the SDK does not have the module
  }
  const wanted = `${name}.js`.toLowerCase();
  const found = files.find((file) => file === `${name}.js`) ?? files.find((file) => file.toLowerCase() === wanted);
  return found === undefined ? undefined : join(folder, found.slice(0, -".js".length));
}

/**
 * Parses a generated class: its JavaScript and its declaration.
 * @internal exported for its tests.
 */
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
