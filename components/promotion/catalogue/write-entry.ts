import pLimit from "p-limit";
import type { ProjectEntry } from "../../catalogue/entry.ts";
import { projectKey } from "../../catalogue/layout.ts";
import { causeOf } from "../http/errors.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import type { SharedDocuments } from "./shared-documents.ts";

/** Documents being written to one mirror at a time. */
const writesAtATime = 16;

/** What came of writing an entry. */
export interface Written {
  /** Names of the mirrors that do not have it all. */
  readonly incomplete: readonly string[];
  /** One line each. */
  readonly failures: readonly string[];
}

/**
 * Writes an entry to all mirrors: what is new, then what all projects share, then what is not needed any more is removed. So a
 * reader finds at every moment what it is referred to, but for who holds on to a document that has been replaced.
 * @param old keys of the documents that the entry had before.
 */
export async function writeEntry(
  entry: ProjectEntry,
  old: ReadonlySet<string>,
  mirrors: readonly CatalogueMirror[],
  shared: SharedDocuments,
  signal: AbortSignal,
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
    all(
      bytes.filter(([key]) => key !== ofProject),
      ([key, content]) => mirror.write(key, content),
    ),
  );
  await inEach((mirror) =>
    all(
      bytes.filter(([key]) => key === ofProject),
      ([key, content]) => mirror.write(key, content),
    ),
  );
  for (const [name, error] of await shared.apply({ entry, mirrors })) failed.set(name, error);
  const gone = [...old, ofProject].filter((key) => !entry.documents.has(key));
  await inEach((mirror) => all(gone, (key) => mirror.remove(key)));
  return {
    incomplete: [...failed.keys()].sort(),
    failures: [...failed].map(([name, error]) => `project ${entry.name}, catalogue, mirror ${name}: ${causeOf(error)}`),
  };
}

/** Some at a time; after a failure nothing more is begun. */
async function all<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const limit = pLimit(writesAtATime);
  try {
    await Promise.all(items.map((item) => limit(() => work(item))));
  } finally {
    limit.clearQueue();
  }
}
