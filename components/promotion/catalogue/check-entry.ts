import { readDocument } from "../../catalogue/formats.ts";
import { listingKey, platformsKey, projectKey } from "../../catalogue/layout.ts";
import { causeOf } from "../http/errors.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import type { EntryOutcome } from "./request.ts";

/**
 * Which mirrors do not have a project's entry whole: its document, all that it names, its part of the index, and the texts that all share.
 * @param document SHA-256 of the project's document; empty: there is to be none.
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
        const right = document === "" ? await isWithout(mirror, project) : await isComplete(mirror, project, document);
        if (!right) incomplete.push(mirror.name);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`project ${project}, catalogue, mirror ${mirror.name}: ${causeOf(error)}`);
      }
    }),
  );
  return { incomplete: incomplete.sort(), failures: failures.sort() };
}

async function isWithout(mirror: CatalogueMirror, project: string): Promise<boolean> {
  const listed = (await mirror.index())?.projects.some(({ name }) => name === project) ?? false;
  return !listed && !(await mirror.has(projectKey(project)));
}

async function isComplete(mirror: CatalogueMirror, project: string, sha256: string): Promise<boolean> {
  const key = projectKey(project);
  if (!(await mirror.holds(key, sha256))) return false;
  if (!((await mirror.has(listingKey)) && (await mirror.has(platformsKey)))) return false;
  const document = readDocument("project", String((await mirror.read(key)) ?? ""));
  if (document === undefined) return false;
  const details = [...document.images, ...document.releases].map((one) => one.details);
  // The name of a document is its content, which its store keeps.
  if (!(await Promise.all(details.map((one) => mirror.has(one)))).every(Boolean)) return false;
  const entry = (await mirror.index())?.projects.find(({ name }) => name === project);
  const images = document.images.map(({ details: _, ...image }) => image);
  return JSON.stringify(entry?.images) === JSON.stringify(images);
}
