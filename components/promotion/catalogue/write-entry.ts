import type { ProjectEntry } from "../../catalogue/entry.ts";
import { projectKey } from "../../catalogue/layout.ts";
import { causeOf } from "../http/errors.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { inAll } from "./in-all.ts";
import type { SharedDocuments } from "./shared-documents.ts";

/** Result of writing an entry. */
export interface Written {
  /** Names of the mirrors that lack a part of it, sorted. */
  readonly incomplete: readonly string[];
  /** One line each. */
  readonly failures: readonly string[];
}

/**
 * Writes an entry to all mirrors: first new details, then the project's document, then the shared documents; then removes old details. So
 * every reference leads to an existing document at any moment, except from a document that was replaced meanwhile.
 * @param old keys of the documents that the entry had before.
 * @param host the name that clients use, for the feed.
 */
export async function writeEntry(
  entry: ProjectEntry,
  old: ReadonlySet<string>,
  mirrors: readonly CatalogueMirror[],
  shared: SharedDocuments,
  signal: AbortSignal,
  host?: string,
): Promise<Written> {
  const failed = new Map<string, unknown>();
  const inEach = async (work: (mirror: CatalogueMirror) => Promise<void>): Promise<void> => {
    const working = mirrors.filter(({ name }) => !failed.has(name));
    await Promise.all(
      working.map((mirror) =>
        work(mirror).catch((error: unknown) => {
          signal.throwIfAborted();
          failed.set(mirror.name, error);
        }),
      ),
    );
  };
  const bytes = [...entry.documents].map(([key, text]): [string, Buffer] => [key, Buffer.from(text)]);
  const ofProject = projectKey(entry.name);
  await inEach((mirror) =>
    inAll(
      bytes.filter(([key]) => key !== ofProject),
      ([key, content]) => mirror.write(key, content),
    ),
  );
  await inEach((mirror) =>
    inAll(
      bytes.filter(([key]) => key === ofProject),
      ([key, content]) => mirror.write(key, content),
    ),
  );
  for (const [name, error] of await shared.apply({ entry, mirrors, host })) failed.set(name, error);
  const stale = [...old, ofProject].filter((key) => !entry.documents.has(key));
  await inEach((mirror) => inAll(stale, (key) => mirror.remove(key)));
  return {
    incomplete: [...failed.keys()].sort(),
    failures: [...failed].map(([name, error]) => `project ${entry.name}, catalogue, mirror ${name}: ${causeOf(error)}`),
  };
}
