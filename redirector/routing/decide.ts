import type { Client } from "../client/client.ts";
import type { FileMirrorConfig, ImageMirrorConfig, RedirectorConfig } from "../config.ts";
import type { ExistenceCheck, Presence } from "../mirrors/existence.ts";
import type { WholeList } from "../mirrors/lists.ts";
import { chooseMirror, type Mirror } from "../mirrors/mirrors.ts";
import { layerKey } from "../object-paths.ts";
import { addressIn } from "./address.ts";
import type {
  BlobRoute,
  FileRoute,
  ListRoute,
  ManifestRoute,
  PageRoute,
  PlainRoute,
  RefusedRoute,
  Route,
} from "./route.ts";

/** What to do with a request, as data. */
export type Decision = Redirect | Check | ListStep | Refused | Plain | Page;

/** Redirect the client. */
export interface Redirect {
  readonly kind: "redirect";
  readonly what: "manifest" | "tags" | "referrers" | "blob" | "file" | "home" | "privacy";
  /** Undefined for a page. */
  readonly mirror: Mirror | undefined;
  readonly location: string;
  /** Why the client is redirected past its own mirror, if it is. */
  readonly detour?: "absent" | "refused" | "failing" | "busy";
}

/** Check whether a mirror has the object, then {@link settle} by the result. */
export interface Check extends ExistenceCheck {
  readonly kind: "check";
  readonly route: ManifestRoute | BlobRoute | FileRoute;
  /** The redirect if the mirror has the object. */
  readonly present: Redirect;
  /** The mirror is a bucket asked for a layer. Registries have every layer. */
  readonly layer: boolean;
  /** If no mirror has the object, the redirector itself says so: a bucket's response is XML, and often 403. */
  readonly isBucket: boolean;
  /** Mirrors that were asked before this one. */
  readonly tried?: readonly Mirror[];
  /** The redirect to one of them that may have the object: it failed or was busy. */
  readonly unsure?: Redirect;
  /** The keys of the object, once they were needed (mirrors/published-objects.ts). */
  published?: readonly number[] | undefined;
}

/** Read a list from mirrors, merge what they answer, and return it. */
export interface ListStep {
  readonly kind: "list";
  readonly route: ListRoute;
  /** The mirrors to read from, best first; one at least. */
  readonly sources: readonly ListSource[];
}

/** One mirror's list. */
export interface ListSource {
  readonly mirror: ImageMirror;
  /** URL of the list. */
  readonly url: string;
  /** The redirect if the redirector does not return the list itself. */
  readonly redirect: Redirect;
}

type ImageMirror = KnownMirrors["images"][number];

/** Refuse the request. */
export interface Refused {
  readonly kind: "refused";
  readonly refusal: RefusedRoute;
}

/** Return the redirector's own response. */
export interface Plain {
  readonly kind: "plain";
  readonly page: Exclude<PlainRoute["kind"], "home" | "privacy">;
}

/** Return a page for people. */
export interface Page {
  readonly kind: "page";
  readonly route: PageRoute;
}

/** The mirrors that one instance knows, each list with the canonical one first. */
export interface KnownMirrors {
  readonly images: readonly Mirror<ImageMirrorConfig>[];
  readonly files: readonly Mirror<FileMirrorConfig>[];
  /** Those file mirrors that also hold image layers. */
  readonly layers: readonly Mirror<FileMirrorConfig>[];
}

/** The checks of one route, at most one for each mirror. */
export type Checks = Check[];

/** What is known of the mirrors without a request. */
export interface MirrorKnowledge {
  /** Whether a mirror limits the rate of requests, by its name. */
  readonly isBusy?: ((mirror: string) => boolean) | undefined;
  /** Names of the mirrors that an object was promoted to; undefined: it is not published. */
  readonly holders?: ((check: Check) => ReadonlySet<string> | undefined) | undefined;
  /** The same of all that a repository has, by a path of the API. */
  readonly repositoryHolders?: ((path: string) => ReadonlySet<string> | undefined) | undefined;
}

/**
 * Decides how to handle a request. Pure, except that it reads the mirrors' health and caches checks in `checks`, which belongs to one route,
 * set of mirrors and configuration.
 */
export function decide(
  route: Route,
  client: Client,
  mirrors: KnownMirrors,
  config: RedirectorConfig,
  checks?: Checks,
  { repositoryHolders }: MirrorKnowledge = {},
): Decision {
  switch (route.kind) {
    case "tags":
    case "referrers": {
      const sources = listMirrors(mirrors.images, client, repositoryHolders?.(route.path)).map((mirror) =>
        listSource(route, mirror),
      );
      const [first] = sources;
      if (!first) return noSuchMirrors.images;
      // A bucket has one list, and no pages: the redirector answers for it whatever the setting is.
      return config.lists.answered || isBucket(first.mirror) ? { kind: "list", route, sources } : first.redirect;
    }
    case "blob":
      return (
        fromBucket(route, client, mirrors, config, checks) ?? fromMirror(route, client, mirrors.images, config, checks)
      );
    case "manifest":
      return fromMirror(route, client, mirrors.images, config, checks);
    case "file":
      return fromMirror(route, client, mirrors.files, config, checks);
    case "home": {
      const location = config.pages.home;
      if (location === undefined) return { kind: "page", route: { kind: "page", path: "/", query: "" } };
      return { kind: "redirect", what: "home", mirror: undefined, location };
    }
    case "privacy": {
      const location = config.pages.privacy;
      return location === undefined ? noSuchPage : { kind: "redirect", what: "privacy", mirror: undefined, location };
    }
    case "page":
      return { kind: "page", route };
    case "refused":
      return { kind: "refused", refusal: route };
    default:
      return { kind: "plain", page: route.kind };
  }
}

/**
 * Decides by the result of a check. If the mirror lacks the object (promotion writes the canonical mirror first, and a mirror may be new or
 * have lost objects) or refuses it, the client goes to the canonical mirror: if that lacks the object, every mirror does. What is published goes
 * to the nearest of the mirrors that it was promoted to, and to no other one: a project may be in some regions only. If the mirror
 * fails, or is busy (429), the client goes to its second choice that is not busy too. If no other mirror is healthy, or the check has no result, the client goes to its own mirror.
 *
 * A bucket is asked before a client is sent there, because its own response to a missing object is XML, which neither registry clients nor
 * people who download files understand. So is a registry that is a second choice, unless it is the canonical one: it may be new. At most three mirrors
 * are asked, then what they all lack is unknown. One that failed or was busy may have it: the client goes there, whose response says that it is to be tried again.
 */
export function settle(
  check: Check,
  presence: Presence,
  client: Client,
  mirrors: KnownMirrors,
  config: RedirectorConfig,
  { isBusy = () => false, holders, repositoryHolders }: MirrorKnowledge = {},
): Redirect | Check | Refused {
  const { route, present } = check;
  if (presence === "present") return present;
  if (check.layer) return fromMirror(route, client, mirrors.images, config);
  const list: readonly Mirror[] = route.kind === "file" ? mirrors.files : mirrors.images;
  const tried = [...(check.tried ?? []), ...(present.mirror ? [present.mirror] : [])];
  const held = holders?.(check);
  if (held && !(presence === "unknown" && held.has(check.asked)))
    return atHolder(check, presence, held, tried, list, client, config, isBusy);
  if (presence === "unknown") return present;
  // Not published, or not yet: but of this repository other things are.
  const placed = route.kind === "file" ? undefined : repositoryHolders?.(route.path);
  const mayHave = ({ site }: Mirror): boolean => placed === undefined || placed.has(site.name);
  const others = list.filter((mirror) => mirror.healthy && mayHave(mirror) && !tried.includes(mirror));
  const lacks = presence === "absent" || presence === "refused";
  const other =
    lacks && others[0] === list[0]
      ? list[0]
      : chooseMirror(
          others.filter(({ site }) => !isBusy(site.name)),
          client,
        );
  const next = other && mirrorCheck(route, other, list, config);
  const unsure = check.unsure ?? (lacks ? undefined : present);
  if (next && tried.length < mostAsked && (next.isBucket || (unsure && other !== list[0])))
    return { ...next, present: { ...next.present, detour: presence }, tried, ...(unsure && { unsure }) };
  if (next && !next.isBucket) return { ...next.present, detour: presence };
  if (!lacks) return present;
  return unsure ?? (route.kind === "file" || tried.some(isBucket) ? unknownTo(route) : present);
}

/**
 * The next mirror for an object that is published, by the names of its holders: the best healthy one that is not busy. Without such a one a client stays where
 * it is, or goes to any holder if it would be sent where the object is not. Unknown is only what all holders turned out to lack: one that failed or was busy
 * may have it.
 */
function atHolder(
  { route, present, published, unsure }: Check,
  presence: Exclude<Presence, "present">,
  held: ReadonlySet<string>,
  tried: readonly Mirror[],
  list: readonly Mirror[],
  client: Client,
  config: RedirectorConfig,
  isBusy: (mirror: string) => boolean,
): Redirect | Check | Refused {
  const others = list.filter((mirror) => held.has(mirror.site.name) && !tried.includes(mirror));
  const able = others.filter(({ healthy, site }) => healthy && !isBusy(site.name));
  const lacks = presence === "absent" || presence === "refused" || presence === "unknown";
  const next = chooseMirror(able.length > 0 || !lacks ? able : others, client);
  if (!next) return lacks ? (unsure ?? unknownTo(route)) : present;
  const asked = mirrorCheck(route, next, list, config);
  const doubtful = unsure ?? (lacks ? undefined : present);
  const detoured: Redirect = { ...asked.present, detour: presence === "unknown" ? "absent" : presence };
  if (able.length === 0) return detoured;
  return { ...asked, present: detoured, tried, ...(published && { published }), ...(doubtful && { unsure: doubtful }) };
}

const mostAsked = 3;
/**
 * How long the canonical mirror's lack of an object is believed, if the redirector says 404 by it: promotion writes that mirror first, so that
 * a new file is found this soon by those who asked too early.
 */
const canonicalAbsentSeconds = 5;

/**
 * The mirrors to read a list from: the canonical one, which a promotion writes first, then the nearest others, three in all. A mirror that lags, or
 * that is rebuilt, lacks tags and signatures, and unlike a request for an object its list does not tell that something is missing.
 */
function listMirrors(all: readonly ImageMirror[], client: Client, held?: ReadonlySet<string>): ImageMirror[] {
  const images = held ? all.filter(({ site }) => held.has(site.name)) : all;
  const canonical = firstWritten(all);
  const chosen = canonical ? [canonical] : [];
  while (chosen.length < mostListMirrors) {
    const others = images.filter((mirror) => mirror.healthy && !chosen.includes(mirror));
    const next = chooseMirror(others, client);
    if (!next) break;
    chosen.push(next);
  }
  return chosen.length > 0 ? chosen : all.slice(0, 1);
}

/** The canonical mirror, which a promotion writes first, so that it lacks nothing; undefined while it is unhealthy or about to be removed. */
function firstWritten<M extends Mirror>([canonical]: readonly M[]): M | undefined {
  return canonical?.healthy && canonical.site.weight > 0 ? canonical : undefined;
}

const mostListMirrors = 3;

/** The decision for a list that no mirror has, where a bucket was asked: it has no list of what has no referrers. */
export function withoutList(route: ListRoute): WholeList | Refused {
  if (route.kind === "referrers") return { kind: "referrers", referrers: [] };
  return unknownTo(route);
}

function listSource(route: ListRoute, mirror: ImageMirror): ListSource {
  return { mirror, url: addressIn(mirror.site, route).url, redirect: redirectTo(route, mirror) };
}

/** Whether a mirror's images are objects of a bucket. */
export function isBucket(mirror: Mirror): boolean {
  return mirror.site.kind === "objects";
}

function unknownTo(route: ManifestRoute | ListRoute | BlobRoute | FileRoute): Refused {
  switch (route.kind) {
    case "manifest":
      return unknown("MANIFEST_UNKNOWN", "no mirror has this manifest");
    case "blob":
      return unknown("BLOB_UNKNOWN", "no mirror has this blob");
    case "file":
      return noSuchFile;
    default:
      return unknown("NAME_UNKNOWN", "no mirror has this image");
  }
}

function unknown(code: string, message: string): Refused {
  return { kind: "refused", refusal: { kind: "refused", status: 404, form: "oci", code, message } };
}

/** A layer from a bucket near the client; undefined if this client gets layers from the registry. */
function fromBucket(
  route: BlobRoute,
  client: Client,
  mirrors: KnownMirrors,
  config: RedirectorConfig,
  checks?: Checks,
): Check | undefined {
  if (!mayHaveLayers(client, config)) return undefined;
  const mirror = chooseMirror(mirrors.layers, client);
  if (!mirror?.healthy) return undefined;
  if (config.layerClients === "same-cloud" && mirror.site.cloud !== client.cloud) return undefined;
  return known(checks, mirror) ?? kept(layerCheck(route, mirror, mirrors.images), checks);
}

function layerCheck(route: BlobRoute, mirror: Mirror, registries: readonly Mirror[]): Check {
  const location = `${mirror.site.url}/${layerKey(route.digest)}`;
  return {
    kind: "check",
    asked: mirror.site.name,
    url: location,
    elsewhere: registries[0] && addressIn(registries[0].site, route).url,
    route,
    present: { kind: "redirect", what: "blob", mirror, location },
    layer: true,
    isBucket: true,
    isKept: true,
    hidesAbsence: false,
    isPublishedOnly: false,
    absentSeconds: undefined,
    hash: undefined,
    published: undefined,
  };
}

/** The best mirror for the client, checked first. With a single registry, or no healthy mirror, there is no check. */
function fromMirror(
  route: ManifestRoute | BlobRoute | FileRoute,
  client: Client,
  list: readonly Mirror[],
  config: RedirectorConfig,
  checks?: Checks,
): Redirect | Check | Refused {
  // What a tag of attachments names changes as signatures are added: the mirror that is written first has them all.
  const complete = route.kind === "manifest" && route.isAttachments ? firstWritten(list) : undefined;
  const mirror = complete ?? chooseMirror(list, client);
  if (!mirror) return route.kind === "file" ? noSuchMirrors.files : noSuchMirrors.images;
  const check = known(checks, mirror) ?? kept(mirrorCheck(route, mirror, list, config), checks);
  if (!mirror.healthy) return check.present;
  if (isBucket(mirror)) return check;
  const isChecked = config.existence.mirrors || config.presence.read;
  return isChecked && ((config.existence.mirrors && check.isBucket) || list.length > 1) ? check : check.present;
}

function mirrorCheck(
  route: ManifestRoute | BlobRoute | FileRoute,
  mirror: Mirror,
  list: readonly Mirror[],
  config: RedirectorConfig,
): Check {
  const present = redirectTo(route, mirror);
  const other = list[0] === mirror ? list[1] : list[0];
  const ofImages = isBucket(mirror);
  const inBucket = ofImages || route.kind === "file";
  return {
    kind: "check",
    asked: mirror.site.name,
    url: route.query === "" ? present.location : addressIn(mirror.site, route).url,
    elsewhere: other && addressIn(other.site, route).url,
    route,
    present,
    layer: false,
    isBucket: inBucket,
    // A removed tag or file must not lead to a bucket's XML for long; a digest is hardly asked for once nothing leads to it.
    isKept: !inBucket || (ofImages && isByDigest(route)),
    hidesAbsence: ofImages,
    isPublishedOnly: !config.existence.mirrors && !ofImages,
    absentSeconds: inBucket && mirror === list[0] ? canonicalAbsentSeconds : undefined,
    // Spreads, and properties that are added later, would double the cost of a check (measured).
    hash: undefined,
    published: undefined,
  };
}

/** Neither a name nor a tag has a colon. */
function isByDigest({ path }: ManifestRoute | BlobRoute | FileRoute): boolean {
  return path.includes(":");
}

function known(checks: Checks | undefined, mirror: Mirror): Check | undefined {
  if (checks === undefined) return undefined;
  for (const check of checks) if (check.present.mirror === mirror) return check;
  return undefined;
}

function kept(check: Check, checks: Checks | undefined): Check {
  checks?.push(check);
  return check;
}

function redirectTo(route: ManifestRoute | ListRoute | BlobRoute | FileRoute, mirror: Mirror): Redirect {
  const { url, query } = addressIn(mirror.site, route);
  return { kind: "redirect", what: route.kind, mirror, location: url + query };
}

/** Clients inside GCP always get layers from the registry, which is in GCP: reading it is free for them. */
function mayHaveLayers(client: Client, config: RedirectorConfig): boolean {
  return config.layerClients === "outside-gcp" ? client.cloud !== "gcp" : client.cloud !== "";
}

const noSuchPage: Refused = {
  kind: "refused",
  refusal: { kind: "refused", status: 404, form: "text", code: "", message: "not found" },
};

const noSuchFile: Refused = {
  kind: "refused",
  refusal: { kind: "refused", status: 404, form: "text", code: "", message: "not found: no mirror has this file" },
};

const noSuchMirrors = {
  images: {
    kind: "refused",
    refusal: { kind: "refused", status: 404, form: "oci", code: "NAME_UNKNOWN", message: "no images are served here" },
  },
  files: {
    kind: "refused",
    refusal: { kind: "refused", status: 404, form: "text", code: "", message: "no files are served here" },
  },
} satisfies Record<string, Refused>;
