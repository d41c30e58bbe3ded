import { presenceIndexKey } from "../../../redirector/presence-format.ts";
import { indexEntryOf } from "../../catalogue/index-document.ts";
import { projectKey } from "../../catalogue/layout.ts";
import { causeOf } from "../http/errors.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import type { EntryOutcome } from "./request.ts";
import { documentsOf, readStoredProject } from "./stored-project.ts";

/**
 * Names the mirrors that lack a part of a project's entry: its document, the details it refers to, its part of the index, or a part of all lines.
 * @param document SHA-256 of the project's document; empty if the project should have none.
 */
export async function checkEntry(
  project: string,
  document: string,
  mirrors: readonly CatalogueMirror[],
  signal: AbortSignal,
): Promise<Pick<EntryOutcome, "incomplete" | "failures">> {
  const incomplete: string[] = [];
  const failures: string[] = [];
  await Promise.all(
    mirrors.map(async (mirror) => {
      try {
        const isRight = document === "" ? await isAbsent(mirror, project) : await isComplete(mirror, project, document);
        if (!isRight) incomplete.push(mirror.name);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`project ${project}, catalogue, mirror ${mirror.name}: ${causeOf(error)}`);
      }
    }),
  );
  return { incomplete: incomplete.sort(), failures: failures.sort() };
}

async function isAbsent(mirror: CatalogueMirror, project: string): Promise<boolean> {
  const listed = (await mirror.index())?.projects.some(({ name }) => name === project) ?? false;
  return !listed && !(await mirror.has(projectKey(project)));
}

async function isComplete(mirror: CatalogueMirror, project: string, sha256: string): Promise<boolean> {
  const key = projectKey(project);
  if (!(await mirror.holds(key, sha256))) return false;
  const listing = await mirror.listing();
  if (listing === undefined) return false;
  const parts = [...listing.listing, ...listing.platforms].map(({ part }) => part);
  if (!(await Promise.all(parts.map((part) => mirror.has(part)))).every(Boolean)) return false;
  const stored = await readStoredProject(mirror, project);
  if (stored === undefined || stored.lost.length > 0) return false;
  const { document } = stored;
  // Details and presence are named by the digest of their content, so it is enough that they exist.
  if (!(await Promise.all(documentsOf(document).map((one) => mirror.has(one)))).every(Boolean)) return false;
  if (document.presence !== undefined && !(await mirror.has(presenceIndexKey))) return false;
  const entry = indexEntryOf(await mirror.index(), project);
  const images = document.images.map(({ details: _, ...image }) => image);
  if (JSON.stringify(entry?.images) !== JSON.stringify(images)) return false;
  return entry?.sha256 === undefined || entry.sha256 === sha256; // earlier versions wrote none
}
