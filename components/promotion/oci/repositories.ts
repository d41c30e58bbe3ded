import { namePattern } from "../text/oci-grammar.ts";
import { printable } from "../text/printable.ts";
import { RegistryError } from "./errors.ts";
import { pages } from "./pages.ts";
import type { Remote } from "./remote.ts";
import { listTags } from "./tags.ts";

/** The registry does not list its repositories. */
export class UnlistedError extends Error {}

/** A page of 1,000 names of at most 255 characters, and room for what a registry may add. */
const largestPage = 4 * 1024 * 1024;
const perPage = 1_000;
/** Google's list of one level may have this many names; deeper nesting than this is a loop. */
const deepest = 16;

/**
 * The names of all repositories below a path, from the registry's catalogue (`_catalog`: Docker Registry HTTP API V2,
 * "Listing Repositories"; it is not in OCI's distribution spec, and covers the whole host, except what the caller may
 * not see). Where there is no catalogue, or none that knows this path, from the lists of Google's registries, which
 * name what is one level below (`child` in `tags/list`).
 * @param at the path: a repository, or a prefix of repositories.
 * @throws UnlistedError if the registry has neither, RegistryError, UnreachableError.
 */
export async function listRepositories(at: Remote): Promise<string[]> {
  const catalogue = await readCatalogue(at);
  if (catalogue.names.length > 0) return catalogue.names;
  const children = await readChildren(at);
  if (children.length > 0) return children;
  throw new UnlistedError(catalogue.why ?? "its catalogue lists no repository below this path");
}

async function readCatalogue(at: Remote): Promise<{ names: string[]; why?: string }> {
  const below = `${at.repository.name}/`;
  const what = "list repositories";
  const names: string[] = [];
  const url = `/v2/_catalog?n=${perPage}`;
  const first = { url, what, scope: "registry:catalog:*", expect: [200], limit: largestPage };
  try {
    for await (const { body } of pages(at, first)) {
      names.push(...readPage(body, at.repository.host, what).filter((name) => name.startsWith(below)));
    }
    return { names };
  } catch (error) {
    // Registries need not have a catalogue, nor show it.
    if (error instanceof RegistryError && error.status >= 400 && (error.status < 500 || error.status === 501)) {
      return {
        names: [],
        why: `its catalogue responds ${error.status}${error.code === "" ? "" : ` ${error.code}`}`,
      };
    }
    throw error;
  }
}

function readPage(body: Buffer, host: string, what: string): string[] {
  try {
    const { repositories } = JSON.parse(body.toString("utf8")) as { repositories?: unknown };
    // Some registries send `null` for an empty list.
    return Array.isArray(repositories) ? repositories.filter((name): name is string => typeof name === "string") : [];
  } catch (error) {
    throw new RegistryError(host, what, 200, "", `unreadable: ${printable(String(error), 100)}`);
  }
}

/** All repositories that Google's lists name below a path, level by level. */
async function readChildren(at: Remote): Promise<string[]> {
  const names: string[] = [];
  let level = [at.repository.name];
  for (let depth = 0; depth < deepest && level.length > 0; depth++) {
    const lists = await Promise.all(
      level.map(async (name) => {
        const { children } = await listTags({ ...at, repository: { ...at.repository, name } });
        return children.filter((child) => namePattern.test(child)).map((child) => `${name}/${child}`);
      }),
    );
    level = lists.flat();
    names.push(...level);
  }
  return names;
}
