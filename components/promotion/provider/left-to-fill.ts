/** What a run leaves to `artifacts fill`: so a new region does not hold the stack's lock for days. */

import { afterSign } from "../run/differences.ts";
import type { Differences, Inventory, Previous } from "../run/request.ts";
import { wantedText } from "../run/wanted-text.ts";
import { joinLines } from "../text/join-lines.ts";
import { namesIn } from "../text/names-in.ts";
import { splitLines } from "../text/split-lines.ts";
import type { AnyRequest, Kind } from "./kinds.ts";

/** A run without what is left to a fill. */
export interface LeftToFill {
  /** In place of the last run's state: the mirrors that are filled count as if they had what they lack. */
  readonly previous: Previous<AnyRequest>;
  /** What they lack, by mirror, in the format of {@link Differences}. */
  readonly left: Differences;
}

/**
 * Leaves to a fill what production had before this run, in each mirror that lacks more than `request.fillAbove` lines of it and is new, was made again
 * (it has nothing of the project), or is being filled. Any other that is short was complete once: it missed a run, which this one makes up for.
 * What this run adds goes to the mirrors that are left too, and what it removes is removed there.
 * @param wasFilling names of the mirrors that the last run left.
 * @param look takes an inventory of these mirrors, for the lines of the request; absent in a preview: the last state counts.
 */
export async function leftToFill(
  kind: Kind,
  request: AnyRequest,
  last: Previous<AnyRequest>,
  wasFilling: ReadonlySet<string>,
  look?: (request: AnyRequest) => Promise<Inventory>,
): Promise<LeftToFill> {
  const { fillAbove: above = 0 } = request;
  const placed = new Set(addressesOf(request).map(([name]) => name));
  const previous = perhapsFilled(last, new Set(splitLines(wantedText(request))), placed);
  if (above === 0 || last.request.prefix !== request.prefix) return { previous, left: {} };
  const before = previous.request;
  const addresses = new Map(addressesOf(before));
  const mirrors = addressesOf(request);
  const known = new Set(mirrors.flatMap(([name, address]) => (addresses.get(name) === address ? [name] : [])));
  const recorded = (name: string) => (known.has(name) ? splitLines(previous.incomplete[name] ?? "") : allOf(before));
  const missing = [...known].map((name) => afterSign("+ ", recorded(name)));
  const old = oldLines(kind, request, before, missing);
  if (old.size <= above) return { previous, left: {} };
  const hasNothing = (lines: readonly string[]) => new Set(afterSign("+ ", lines)).isSupersetOf(old);
  const isOld = (line: string) => line.startsWith("~ ") || (line.startsWith("+ ") && old.has(line.slice(2)));
  const lacking = new Map(
    mirrors.flatMap(([name]) => {
      const lines = recorded(name).filter(isOld);
      const isFilled = !known.has(name) || wasFilling.has(name) || hasNothing(lines);
      return lines.length > above && isFilled ? [[name, lines] as const] : [];
    }),
  );
  const again = [...lacking.keys()].filter((name) => known.has(name));
  const now = look ? await inventoried(kind, request, old, again, look) : new Map<string, readonly string[]>();
  const expected = new Set([before, request].flatMap((each) => splitLines(wantedText(each))));
  const incomplete: Record<string, string> = { ...previous.incomplete };
  const left: Record<string, string> = {};
  for (const [name, lines] of lacking) {
    const rest = recorded(name).filter((line) => !isOld(line));
    const found = now.get(name) ?? lines;
    const lacks = found.filter((line) => !line.startsWith("- "));
    const extra = found.filter((line) => line.startsWith("- ") && !expected.has(line.slice(2)));
    const isLeft = lacks.length > above;
    if (isLeft) left[name] = joinLines(lacks);
    incomplete[name] = joinLines(new Set([...rest, ...extra, ...(isLeft ? [] : lacks)]));
  }
  const isFilling = Object.keys(left).length > 0;
  return { left, previous: { ...previous, incomplete, request: withMirrorsOf(request, before), before, isFilling } };
}

/**
 * A fill may have brought what the last run left, and what nobody wants any more is removed then: it counts as there.
 * @param wanted the lines of the next run. @param placed names of the mirrors that shall have them; undefined: all.
 */
export function perhapsFilled(
  last: Previous<AnyRequest>,
  wanted: ReadonlySet<string>,
  placed?: ReadonlySet<string>,
): Previous<AnyRequest> {
  if (last.request.fillAbove === undefined) return last;
  const incomplete = Object.entries(last.incomplete).flatMap(([name, text]) => {
    const isWanted = (line: string) => (placed === undefined || placed.has(name)) && wanted.has(line);
    const lines = splitLines(text).filter((line) => !line.startsWith("+ ") || isWanted(line.slice(2)));
    return lines.length === 0 ? [] : [[name, joinLines(lines)] as const];
  });
  return { ...last, incomplete: Object.fromEntries(incomplete) };
}

/**
 * The output `filling` after a refresh, without the mirrors that lack nothing any more: of those no run tells the catalogue, as there is nothing to do.
 * @param filling as the last run left it.
 * @param isPlanned for the name of a mirror that stays: the next deployment sees that it is filled.
 */
export function stillFilling(
  filling: unknown,
  incomplete: Differences,
  isPlanned: (mirror: string) => boolean,
): { filling?: string } {
  if (typeof filling !== "string") return {};
  return {
    filling: namesIn(filling)
      .filter((name) => Object.hasOwn(incomplete, name) || isPlanned(name))
      .join(" "),
  };
}

/** What is left to a fill and what a run left to do, together. */
export function withLeft(incomplete: Differences, left: Differences): Differences {
  const sum: Record<string, string> = { ...incomplete };
  for (const [name, lines] of Object.entries(left))
    sum[name] = joinLines(new Set([...splitLines(lines), ...splitLines(sum[name] ?? "")]));
  return sum;
}

/** Lines that the last run had and this one wants, as far as a mirror has them. Of an image that gets another tag none: the tag needs the image. */
function oldLines(
  kind: Kind,
  request: AnyRequest,
  before: AnyRequest,
  missing: readonly (readonly string[])[],
): Set<string> {
  const asked = new Set(splitLines(wantedText(before)));
  const wanted = splitLines(wantedText(request));
  const added = new Set(wanted.filter((line) => !asked.has(line)).map((line) => artifactOf(kind, line)));
  const [first = [], ...others] = missing.map((lines) => new Set(lines));
  const nowhere = [...first].filter((line) => others.every((lines) => lines.has(line)));
  const isNowhere = missing.length > 0 ? new Set(nowhere) : asked;
  return new Set(
    wanted.filter((line) => asked.has(line) && !isNowhere.has(line) && !added.has(artifactOf(kind, line))),
  );
}

/** What these mirrors lack of the old lines now, and have beyond them, line by line; nothing if one of them cannot be read: the last state counts. */
async function inventoried(
  kind: Kind,
  request: AnyRequest,
  old: ReadonlySet<string>,
  names: readonly string[],
  look: (request: AnyRequest) => Promise<Inventory>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (names.length === 0) return new Map();
  const isNamed = ({ name }: { readonly name: string }) => names.includes(name);
  // What is attached to an image is known only by comparing mirrors.
  const mirrors = request.mirrors.filter((mirror, index) => index === 0 || isNamed(mirror));
  const layers = "layerMirrors" in request && { layerMirrors: request.layerMirrors.filter(isNamed) };
  const placed = { mirrors, ...layers, unplaced: undefined, unplacedLayers: undefined };
  const some = { ...request, [kind.text]: joinLines(old), ...placed } as AnyRequest;
  const { incomplete, failures } = await look(some);
  if (failures.length > 0) return new Map();
  return new Map(names.map((name) => [name, splitLines(incomplete[name] ?? "")]));
}

/** Each mirror's name and address. */
function addressesOf(request: AnyRequest): [string, string][] {
  const ofBuckets = (mirrors: readonly { readonly name: string; readonly bucket: string }[]) =>
    mirrors.map(({ name, bucket }): [string, string] => [name, bucket]);
  if (!("layerMirrors" in request)) return ofBuckets(request.mirrors);
  const registries = request.mirrors.map(({ name, repository }): [string, string] => [name, repository]);
  return [...registries, ...ofBuckets(request.layerMirrors)];
}

function withMirrorsOf({ mirrors, ...request }: AnyRequest, before: AnyRequest): AnyRequest {
  const layers = "layerMirrors" in request && { layerMirrors: request.layerMirrors };
  return { ...before, mirrors, ...layers } as AnyRequest;
}

/** As a mirror that has nothing lacks it. */
function allOf(request: AnyRequest): string[] {
  return splitLines(wantedText(request)).map((line) => `+ ${line}`);
}

/** What a wanted line is about: a file's path, or an image's name with its digest. */
export function artifactOf(kind: Kind, line: string): string {
  const digest = line.slice(line.lastIndexOf(" ") + 1);
  const name = line.slice(0, line.lastIndexOf(" "));
  if (kind.text === "files") return name;
  const at = name.search(/[:@]/);
  return `${at < 0 ? name : name.slice(0, at)}@${digest}`;
}
