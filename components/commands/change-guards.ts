import type { ProjectDifference } from "../manifests/difference.ts";
import { fileLines, imageLines, withdrawnFileLines, withdrawnImageLines } from "../manifests/lines.ts";
import { type Project, promotesFiles, promotesImages, stagingProject, type Withdrawal } from "../manifests/project.ts";
import { releaseBuildsLine } from "../manifests/release-builds.ts";
import { readImageLines } from "../promotion/images/lines.ts";
import { countRemovals } from "../promotion/images/removals.ts";
import { withdrawnReferences } from "../promotion/run/removal-guard.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { globMatcher } from "../promotion/text/glob-matcher.ts";
import { markdownCode } from "./markdown-code.ts";

/** What a guard says of a change: it cannot be merged like this, or a reviewer has to know. Markdown. */
export interface GuardSays {
  readonly project: string;
  readonly stops: boolean;
  readonly message: string;
}

/**
 * What the guards say of a change of the manifests, judged by what main said before it: a change that loosens a guard does not use that too.
 * The run itself judges the same way, by what was deployed last; this says it earlier, and of folders that are gone. Pure.
 */
export function changeGuards(differences: readonly ProjectDifference[]): GuardSays[] {
  return differences.flatMap((difference) => {
    const { project, before, after } = difference;
    const says = (stops: boolean) => (message: string) => ({ project, stops, message });
    const borrows = usesNewShare(after, differences).map(says(true));
    if (before === undefined) return borrows;
    if (after === undefined) return folderGone(before, differences).map(says(true));
    return [
      ...borrows,
      ...removedTooMuch(before, after).map(says(true)),
      ...movedTags(before, difference).map(says(true)),
      ...movedFiles(before, difference).map(says(true)),
      ...cameBack(before, after).map(says(true)),
      ...emptiedUnseen(before, after).map(says(true)),
      ...loosened(before, after).map(says(false)),
      ...movedMirrors(before, after).map(says(false)),
    ];
  });
}

/** How many references of a project are in production by its manifests. */
function publishedBy(project: Project): { images: number; files: number } {
  return {
    images: countRemovals(new Map(), [readImageLines(imageLines(project))]).present,
    files: project.files.length,
  };
}

function folderGone(before: Project, differences: readonly ProjectDifference[]): string[] {
  const { images, files } = publishedBy(before);
  if (images + files === 0) return [];
  const moved = differences.find(
    ({ before: was, after }) => was === undefined && after !== undefined && holdsSame(before, after),
  );
  const renamed = moved === undefined ? "is gone" : `was renamed to ${markdownCode(`manifests/${moved.project}`)}`;
  return [
    `The folder ${markdownCode(`manifests/${before.name}`)} ${renamed}: ${amounts(images, files)} would be removed from production. To remove a project, keep its folder, remove the lines of its manifests and list what goes in ${markdownCode("withdrawn.yaml")}; the folder can go once nothing of it is in production.`,
  ];
}

/** A project that uses a staging area which this same change shares with it. */
function usesNewShare(after: Project | undefined, differences: readonly ProjectDifference[]): string[] {
  const lender = differences.find(({ project }) => project === after?.staging.project)?.before;
  if (after === undefined || lender === undefined || lender.staging.sharedWith?.includes(after.name)) return [];
  return [
    `Uses the staging area of ${markdownCode(lender.name)}, which this change shares with it. Sharing and using takes two changes.`,
  ];
}

function holdsSame(one: Project, other: Project): boolean {
  return imageLines(one) === imageLines(other) && fileLines(one) === fileLines(other);
}

function removedTooMuch(before: Project, after: Project): string[] {
  const share = Math.min(before.removalShare, after.removalShare);
  const prefixes = { images: before.imagePrefix !== after.imagePrefix, files: before.filePrefix !== after.filePrefix };
  const images = countRemovals(
    prefixes.images ? new Map() : readImageLines(imageLines(after)),
    [readImageLines(imageLines(before))],
    withdrawnReferences(withdrawnImageLines(after)),
  );
  const kept = new Set(prefixes.files ? [] : after.files.map(({ name }) => name));
  const withdrawn = withdrawnReferences(withdrawnFileLines(after));
  const files = {
    removing: before.files.filter(({ name }) => !kept.has(name) && !withdrawn.has(name)).length,
    present: before.files.length,
  };
  return [
    ["tags and digests", images, prefixes.images ? "imagePrefix" : undefined] as const,
    ["files", files, prefixes.files ? "filePrefix" : undefined] as const,
  ].flatMap(([what, { removing, present }, prefix]) => {
    if (removing <= share * present) return [];
    const because = prefix === undefined ? "" : ` where they are now, as ${markdownCode(prefix)} changes`;
    const raised = after.removalShare > before.removalShare ? " (raising it here counts from the next change on)" : "";
    return [
      `${removing} of ${present} ${what} would be removed${because}: more than the ${Math.round(share * 100)}% of ${markdownCode("removalShare")}${raised}. List what is meant to go in ${markdownCode("withdrawn.yaml")}.`,
    ];
  });
}

function movedTags(before: Project, { images }: ProjectDifference): string[] {
  const mayMove = globMatcher(before.mutableTags);
  const tags = images.moved.filter(({ reference }) => !mayMove(reference.slice(reference.lastIndexOf(":") + 1)));
  const [first, ...more] = tags;
  if (first === undefined) return [];
  return [
    `${markdownCode(first.reference)}${more.length === 0 ? "" : ` and ${countOf(more.length, "other tag")}`} would move to another digest, which ${markdownCode("mutableTags")} on main does not allow. Declaring a tag mutable and moving it takes two changes.`,
  ];
}

function movedFiles(before: Project, { files }: ProjectDifference): string[] {
  const mayMove = globMatcher(before.mutableFiles ?? []);
  const [first, ...more] = files.moved.filter(({ reference }) => !mayMove(reference));
  if (first === undefined) return [];
  return [
    `${markdownCode(first.reference)}${more.length === 0 ? "" : ` and ${countOf(more.length, "other file")}`} would get other content, which ${markdownCode("mutableFiles")} on main does not allow. Declaring a file mutable and changing it takes two changes.`,
  ];
}

/** Withdrawn on main, and promoted by a change that also removes the entry. */
function cameBack(before: Project, after: Project): string[] {
  const images = readImageLines(imageLines(after));
  const files = new Set(after.files.map(({ name }) => name));
  const promoted = (one: Withdrawal): boolean => {
    if ("file" in one) return files.has(one.file);
    if ("digest" in one) return [...images.values()].some((digests) => digests.has(one.digest));
    return [...(images.get(one.image)?.values() ?? [])].some((tags) => tags.has(one.tag));
  };
  return before.withdrawn
    .filter(promoted)
    .map(
      (one) =>
        `${markdownCode(withdrawnName(one))} is withdrawn on main. Removing its entry from ${markdownCode("withdrawn.yaml")} and promoting it takes two changes.`,
    );
}

/** With its last line and its staging area the promotion itself would go, of which the engine previews nothing. */
function emptiedUnseen(before: Project, after: Project): string[] {
  const gone = [
    ...(promotesImages(before) && !promotesImages(after) && before.images.length > 0 ? ["images"] : []),
    ...(promotesFiles(before) && !promotesFiles(after) && before.files.length > 0 ? ["files"] : []),
  ];
  return gone.map(
    (what) =>
      `All ${what} would go together with the staging area for them. Keep ${markdownCode(`staging.${what}: true`)} in this change, and set it to false in the next.`,
  );
}

function loosened(before: Project, after: Project): string[] {
  const added = (key: string, was: readonly string[], is: readonly string[]): string[] => {
    const more = is.filter((one) => !was.includes(one));
    return more.length === 0 ? [] : [`${markdownCode(key)} gains ${some(more)}`];
  };
  const changed = (key: "imagePrefix" | "filePrefix"): string[] =>
    before[key] === after[key] ? [] : [`${markdownCode(key)} becomes ${markdownCode(after[key] || "the root")}`];
  const wider = [
    ...(after.removalShare > before.removalShare
      ? [`${markdownCode("removalShare")} rises from ${before.removalShare} to ${after.removalShare}`]
      : []),
    ...added("mutableTags", before.mutableTags, after.mutableTags),
    ...added("mutableFiles", before.mutableFiles ?? [], after.mutableFiles ?? []),
    ...added(
      "shares",
      before.shares.map((share) => JSON.stringify(share)),
      after.shares.map((share) => JSON.stringify(share)),
    ),
    ...added("staging.sharedWith", before.staging.sharedWith ?? [], after.staging.sharedWith ?? []),
    ...(stagingProject(before) === stagingProject(after)
      ? []
      : [`${markdownCode("staging.project")} becomes ${markdownCode(stagingProject(after))}`]),
    ...changed("imagePrefix"),
    ...added("imagePrefixes", before.imagePrefixes, after.imagePrefixes),
    ...changed("filePrefix"),
  ];
  const who = [
    ...(before.owners.group === after.owners.group
      ? []
      : [`${markdownCode("owners.group")} becomes ${markdownCode(after.owners.group)}`]),
    ...added(
      "owners.repositories",
      before.owners.repositories.map(releaseBuildsLine),
      after.owners.repositories.map(releaseBuildsLine),
    ),
    ...added("approvers", before.approvers, after.approvers),
  ];
  const asks = (trust: Project["trust"]) => (trust === undefined ? "what the stack asks for" : JSON.stringify(trust));
  const trust =
    asks(before.trust) === asks(after.trust)
      ? []
      : [
          `Changes the trust policy: ${markdownCode("trust")} from ${markdownCode(asks(before.trust))} to ${markdownCode(asks(after.trust))}. What this change promotes must satisfy what main requires, too.`,
        ];
  return [
    ...wider.map((what) => `Loosens a guard: ${what}. This counts from the next change on.`),
    ...trust,
    ...who.map((what) => `Changes who may push or approve: ${what}.`),
  ];
}

/** The run's preview names the mirrors, and judges by `removalShare` how many a project may leave at once. */
function movedMirrors(before: Project, after: Project): string[] {
  const shown = ({ regions }: Project) => (regions === undefined ? "all regions" : markdownCode(regions.join(", ")));
  if (shown(before) === shown(after)) return [];
  return [
    `Changes where the project is: ${markdownCode("regions")} from ${shown(before)} to ${shown(after)}. Mirrors that are in none of its regions any more lose all of it.`,
  ];
}

function some(texts: readonly string[]): string {
  const shown = texts.slice(0, 10).map((text) => markdownCode(text));
  return [...shown, ...(texts.length > 10 ? [`and ${texts.length - 10} more`] : [])].join(", ");
}

function withdrawnName(one: Withdrawal): string {
  if ("file" in one) return one.file;
  return "digest" in one ? `${one.image}@${one.digest}` : `${one.image}:${one.tag}`;
}

function amounts(images: number, files: number): string {
  const parts = [
    ...(images > 0 ? [countOf(images, "tag or digest")] : []),
    ...(files > 0 ? [countOf(files, "file")] : []),
  ];
  return parts.join(" and ").replace("tag or digests", "tags and digests");
}
