/** What a regsync.yml (regclient, "regsync" in its documentation) copies: from which repositories, which tags, to which names. Pure. */
import { isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";

/** Tags of one repository that a regsync.yml copies. */
export interface RegsyncCopy {
  /** `HOST/PATH` of the source. */
  readonly source: string;
  /** The image's name: the target, relative to what all targets have in common. */
  readonly image: string;
  /** The one tag, or undefined: those that the rules let through. */
  readonly tag: string | undefined;
  /** Whether a tag is copied. */
  readonly takes: (tag: string) => boolean;
}

const entry = z.looseObject({
  source: z.string(),
  target: z.string(),
  type: z.enum(["image", "repository", "registry"]),
  tags: z
    .looseObject({
      allow: z.array(z.string()).optional(),
      deny: z.array(z.string()).optional(),
      semverRange: z.unknown().optional(),
    })
    .optional(),
});
const form = z.looseObject({ sync: z.array(z.unknown()) });

/**
 * Reads a regsync.yml. @param file its name, for the problems: a sentence each, with what is not taken over and why.
 */
export function readRegsync(
  text: string,
  file: string,
): { readonly copies: RegsyncCopy[]; readonly problems: string[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { logLevel: "silent", prettyErrors: false, lineCounter: lines });
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line}:${lines.linePos(offset).col}`;
  const [wrong] = document.errors; // what else it says of such a text comes of the first
  if (wrong !== undefined) return { copies: [], problems: [`${at(wrong.pos[0])}: not YAML: ${wrong.message}`] };
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { copies: [], problems: [`${file}: ${(error as Error).message}`] };
  }
  const whole = form.safeParse(content);
  if (!whole.success) return { copies: [], problems: [`${file}: is no regsync.yml: it has no list sync`] };
  const problems: string[] = [];
  const found: { source: string; target: string; tag: string | undefined; takes: (tag: string) => boolean }[] = [];
  for (const [index, item] of whole.data.sync.entries()) {
    const node = document.getIn(["sync", index], true);
    const where = `${at((isNode(node) ? node.range?.[0] : undefined) ?? 0)}: sync[${index}]`;
    const read = entry.safeParse(item);
    if (!read.success) {
      problems.push(...read.error.issues.map(({ path, message }) => `${where}.${path.join(".")}: ${message}`));
      continue;
    }
    const { source, target, type, tags } = read.data;
    if (type === "registry")
      problems.push(`${where}: a whole registry: import it by itself, npx artifacts import ${source} --project NAME`);
    else if (`${source}${target}`.includes("{{"))
      problems.push(`${where}: has a template ({{...}}): write what it stands for`);
    else if (tags?.semverRange !== undefined)
      problems.push(`${where}: tags.semverRange is not known here: write the tags as allow`);
    else {
      const [from, tag] = splitTag(source);
      try {
        const takes = matcherOf(tags?.allow, tags?.deny);
        found.push({
          source: withHost(from),
          target: splitTag(target)[0],
          tag: type === "image" ? (tag ?? "latest") : undefined,
          takes,
        });
      } catch (error) {
        problems.push(`${where}: tags: ${(error as Error).message}`);
      }
    }
  }
  const common = commonFolder(found.map(({ target }) => target));
  return { copies: found.map(({ target, ...copy }) => ({ ...copy, image: target.slice(common.length) })), problems };
}

/** A reference without its tag, and the tag. A port is no tag: a slash follows it. */
function splitTag(reference: string): [repository: string, tag: string | undefined] {
  const [, repository = reference, tag] = /^(.*?)(?::([^/:@]+))?(?:@.*)?$/.exec(reference) ?? [];
  return [repository, tag];
}

/** Docker's rules of names without a host. */
function withHost(repository: string): string {
  const [first = "", ...rest] = repository.split("/");
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const full = hasHost ? repository : `docker.io/${rest.length === 0 ? "library/" : ""}${repository}`;
  return full.replace(/^docker\.io\//, "registry-1.docker.io/");
}

/** Regular expressions of whole tags, as regsync reads them. They are the user's own. */
function matcherOf(allow: readonly string[] = [], deny: readonly string[] = []): (tag: string) => boolean {
  const [allowed, denied] = [allow, deny].map((list) => list.map((text) => new RegExp(`^(?:${text})$`))) as [
    RegExp[],
    RegExp[],
  ];
  return (tag) =>
    (allowed.length === 0 || allowed.some((one) => one.test(tag))) && !denied.some((one) => one.test(tag));
}

/** The folder, with its slash, that all have in common. */
function commonFolder(paths: readonly string[]): string {
  const [first = "", ...others] = paths.map((path) => path.split("/").slice(0, -1));
  const parts = typeof first === "string" ? [] : first;
  const same = parts.findIndex((part, index) =>
    others.some((other) => typeof other === "string" || other[index] !== part),
  );
  const shared = same === -1 ? parts : parts.slice(0, same);
  return shared.length === 0 ? "" : `${shared.join("/")}/`;
}
