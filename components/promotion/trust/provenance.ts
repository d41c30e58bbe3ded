import { objectOf, type Statement } from "./statement.ts";

/** What SLSA provenance says of a build; a member that it does not have is undefined. */
export interface Provenance {
  readonly builder?: string;
  readonly buildType?: string;
  /** `https://github.com/owner/name`, without `git+` and without the ref. */
  readonly source?: string;
  readonly ref?: string;
  readonly commit?: string;
  /** The workflow's path, where the builder is GitHub. */
  readonly workflow?: string;
}

/** Reads SLSA provenance v1 and v0.2 (slsa.dev/provenance); undefined for a statement of another kind. */
export function readProvenance({ predicateType, predicate }: Statement): Provenance | undefined {
  if (predicateType === "https://slsa.dev/provenance/v1") return version1(predicate);
  if (predicateType === "https://slsa.dev/provenance/v0.2") return version02(predicate);
  return undefined;
}

type Json = Readonly<Record<string, unknown>>;

function version1(predicate: Json): Provenance {
  const definition = objectOf(predicate["buildDefinition"]);
  const builder = objectOf(objectOf(predicate["runDetails"])["builder"]);
  const parameters = objectOf(definition["externalParameters"]);
  const workflow = objectOf(parameters["workflow"]);
  const dependencies = Array.isArray(definition["resolvedDependencies"]) ? definition["resolvedDependencies"] : [];
  const first = objectOf(dependencies[0]);
  const [uri, refOfUri] = splitUri(text(first["uri"]) ?? text(parameters["source"]));
  const digest = objectOf(first["digest"]);
  return defined({
    builder: text(builder["id"]),
    buildType: text(definition["buildType"]),
    source: text(workflow["repository"]) ?? uri,
    ref: text(workflow["ref"]) ?? refOfUri,
    commit: text(digest["gitCommit"]) ?? text(digest["sha1"]),
    workflow: text(workflow["path"]),
  });
}

function version02(predicate: Json): Provenance {
  const source = objectOf(objectOf(predicate["invocation"])["configSource"]);
  const [uri, ref] = splitUri(text(source["uri"]));
  return defined({
    builder: text(objectOf(predicate["builder"])["id"]),
    buildType: text(predicate["buildType"]),
    source: uri,
    ref,
    commit: text(objectOf(source["digest"])["sha1"]),
    workflow: text(source["entryPoint"]),
  });
}

/** `git+https://github.com/owner/name@refs/tags/v1` */
function splitUri(uri: string | undefined): [string | undefined, string | undefined] {
  if (uri === undefined) return [undefined, undefined];
  const bare = uri.replace(/^git\+/, "");
  const at = bare.indexOf("@refs/");
  const [source, ref] = at < 0 ? [bare, undefined] : [bare.slice(0, at), bare.slice(at + 1)];
  return [source.replace(/\.git$/, ""), ref];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function defined(members: Record<string, string | undefined>): Provenance {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
