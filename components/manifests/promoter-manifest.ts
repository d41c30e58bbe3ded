import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { parseYaml } from "./yaml/parse.ts";
import { isTrue, type Node, valueAt } from "./yaml/tree.ts";

/** The content of a promoter-manifest.yaml or filepromoter-manifest.yaml of k8s.io. */
export interface Promoter {
  /**
   * The paths below the production repository, or below `binaries/` of the bucket: first the one that most destinations have; of equals the
   * shortest.
   */
  readonly prefixes: readonly string[];
  /** The sources of artifacts; exactly one in a valid manifest. */
  readonly sources: readonly Named[];
  readonly destinations: readonly Named[];
  /** The destinations' regions of Artifact Registry, other registries' hosts, and buckets. */
  readonly places: readonly string[];
  readonly accounts: readonly string[];
}

/** A registry or filestore and its position. */
export interface Named {
  readonly name: string;
  readonly start: number;
}

/** Reads a manifest; adds everything that is wrong, or has no counterpart here, to `problems`. */
export function readPromoter(source: Source, kind: "registries" | "filestores", problems: Problem[]): Promoter {
  const parsed = parseYaml(source.text);
  if (!parsed.ok)
    for (const { start, message } of parsed.errors) problems.push(source.problem("error", start, message));
  const root: Node = (parsed.ok ? parsed.root : undefined) ?? { kind: "map", entries: [], start: 0, end: 0 };
  const list = valueAt(root, kind);
  if (parsed.ok && list?.kind !== "list")
    problems.push(source.problem("error", root.start, `${kind} is required: it says where artifacts go`));
  const nameKey = kind === "registries" ? "name" : "base";
  reportOtherKeys(root, kind === "registries" ? [kind, "images", "imagesPath"] : [kind, "files", "filesPath"]);
  const items = list?.kind === "list" ? list.items : [];
  const entries = items.flatMap((item) => {
    reportOtherKeys(item, [nameKey, "src", "service-account", "token"]);
    const [name, account] = [valueAt(item, nameKey), valueAt(item, "service-account")];
    if (name?.kind !== "scalar")
      problems.push(source.problem("error", item.start, `${nameKey} is required: it says where artifacts go`));
    return name?.kind === "scalar"
      ? [
          {
            name: name.text,
            start: name.start,
            from: isTrue(valueAt(item, "src")),
            account: account?.kind === "scalar" ? [account.text] : [],
          },
        ]
      : [];
  });
  const [sources, destinations] = [entries.filter(({ from }) => from), entries.filter(({ from }) => !from)];
  if (list !== undefined && sources.length === 0)
    problems.push(
      source.problem("error", list.start, "no entry has src: true: add it to the one that artifacts come from"),
    );
  for (const { name, start } of sources.slice(1))
    problems.push(
      source.problem(
        "error",
        start,
        `${quoted(name)} is a second source (today's promoter takes it for a destination): a project has one staging area`,
      ),
    );
  const placed = destinations.flatMap(({ name, start }) => {
    const place = kind === "registries" ? registryLocation(name) : bucketSource(name);
    if (place === undefined)
      problems.push(
        source.problem(
          "error",
          start,
          `${quoted(name)} is not imported: what path clients see is unclear; set the prefix in project.yaml`,
        ),
      );
    return place === undefined ? [] : [{ ...place, start }];
  });
  return {
    prefixes: prefixesOf(placed),
    sources,
    destinations,
    places: placed.map(({ place }) => place),
    accounts: entries.flatMap(({ account }) => account),
  };

  function reportOtherKeys(node: Node, known: readonly string[]): void {
    if (node.kind !== "map") return;
    for (const { key } of node.entries)
      if (!known.includes(key.text))
        problems.push(
          source.problem("warning", key.start, `key ${quoted(key.text)} is not imported: it has no meaning here`),
        );
  }
}

function prefixesOf(found: readonly { prefix: string }[]): string[] {
  return [...Map.groupBy(found, ({ prefix }) => prefix)]
    .sort(([a, some], [b, more]) => more.length - some.length || a.length - b.length || (a < b ? -1 : 1))
    .map(([prefix]) => prefix);
}

export interface SourceLocation {
  readonly place: string;
  readonly prefix: string;
}

/**
 * `<region>-docker.pkg.dev/<project>/<repository>/<prefix>`, or of the former Container Registry,
 * `<host>/<project>/<prefix>`.
 */
export function registryLocation(name: string): SourceLocation | undefined {
  const regional = /^([a-z0-9-]+)-docker\.pkg\.dev\/[^/]+\/[^/]+(?:\/(.+?))?\/*$/.exec(name);
  const found = regional ?? /^((?:[a-z]+\.)?gcr\.io)\/[^/]+(?:\/(.+?))?\/*$/.exec(name);
  return found === null ? undefined : { place: found[1] ?? "", prefix: found[2] ?? "" };
}

/** `gs://<bucket>/binaries/<prefix>/`, or s3. */
export function bucketSource(base: string): SourceLocation | undefined {
  const found = /^((?:gs|s3):\/\/[^/]+)\/binaries(?:\/(.+?))?\/*$/.exec(base);
  return found === null ? undefined : { place: found[1] ?? "", prefix: found[2] ?? "" };
}
