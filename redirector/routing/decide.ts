import type { Client } from "../client/client.ts";
import type { FileMirrorConfig, ImageMirrorConfig, RedirectorConfig } from "../config.ts";
import type { ExistenceCheck, Presence } from "../mirrors/existence.ts";
import { chooseMirror, type Mirror } from "../mirrors/mirrors.ts";
import { layerKey } from "../object-paths.ts";
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
}

/** Read a list from a mirror and return it. */
export interface ListStep {
  readonly kind: "list";
  readonly route: ListRoute;
  /** The mirror to read from, and the redirect if that fails. */
  readonly present: Redirect & { readonly mirror: KnownMirrors["images"][number] };
}

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
): Decision {
  switch (route.kind) {
    case "tags":
    case "referrers": {
      const mirror = chooseMirror(mirrors.images, client);
      if (!mirror) return noSuchMirrors.images;
      const present = { ...redirectTo(route, mirror), mirror };
      return config.lists.answered ? { kind: "list", route, present } : present;
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
 * have lost objects) or refuses it, the client goes to the canonical mirror: if that lacks the object, every mirror does. If the mirror
 * fails, or is busy (429), the client goes to its second choice that is not busy too. If no other mirror is healthy, or the check has no result, the client goes to its own mirror.
 */
export function settle(
  check: Check,
  presence: Presence,
  client: Client,
  mirrors: KnownMirrors,
  config: RedirectorConfig,
  isBusy: (mirror: string) => boolean = () => false,
): Redirect | Check | Refused {
  const { route, present } = check;
  if (presence === "present") return present;
  if (check.layer) return fromMirror(route, client, mirrors.images, config);
  if (presence === "unknown") return present;
  const list = route.kind === "file" ? mirrors.files : mirrors.images;
  const others = list.filter((mirror) => mirror.healthy && mirror !== present.mirror);
  const lacks = presence === "absent" || presence === "refused";
  const other =
    lacks && others[0] === list[0]
      ? list[0]
      : chooseMirror(
          others.filter(({ site }) => !isBusy(site.name)),
          client,
        );
  return other ? { ...redirectTo(route, other), detour: presence } : present;
}

/** The mirror to read a list from when the first one did not give it, by the rule of {@link settle}; undefined if there is no other healthy one. */
export function otherListStep(
  first: ListStep,
  isAbsent: boolean,
  client: Client,
  { images }: KnownMirrors,
): ListStep | undefined {
  const others = images.filter((mirror) => mirror.healthy && mirror !== first.present.mirror);
  const mirror = isAbsent ? (others[0] === images[0] ? images[0] : undefined) : chooseMirror(others, client);
  if (!mirror) return undefined;
  const present = { ...redirectTo(first.route, mirror), mirror, detour: isAbsent ? "absent" : "failing" } as const;
  return { ...first, present };
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
    elsewhere: registries[0] && registries[0].site.url + route.path,
    route,
    present: { kind: "redirect", what: "blob", mirror, location },
    layer: true,
  };
}

/** The best mirror for the client, checked first. With a single mirror, or no healthy one, there is no check. */
function fromMirror(
  route: ManifestRoute | BlobRoute | FileRoute,
  client: Client,
  list: readonly Mirror[],
  config: RedirectorConfig,
  checks?: Checks,
): Redirect | Check | Refused {
  const mirror = chooseMirror(list, client);
  if (!mirror) return route.kind === "file" ? noSuchMirrors.files : noSuchMirrors.images;
  const check = known(checks, mirror) ?? kept(mirrorCheck(route, mirror, list), checks);
  return !config.existence.mirrors || list.length === 1 || !mirror.healthy ? check.present : check;
}

function mirrorCheck(route: ManifestRoute | BlobRoute | FileRoute, mirror: Mirror, list: readonly Mirror[]): Check {
  const present = redirectTo(route, mirror);
  const other = list.find((each) => each !== mirror);
  return {
    kind: "check",
    asked: mirror.site.name,
    url: route.query === "" ? present.location : mirror.site.url + route.path,
    elsewhere: other && other.site.url + route.path,
    route,
    present,
    layer: false,
  };
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
  return { kind: "redirect", what: route.kind, mirror, location: mirror.site.url + route.path + route.query };
}

/** Clients inside GCP always get layers from the registry, which is in GCP: reading it is free for them. */
function mayHaveLayers(client: Client, config: RedirectorConfig): boolean {
  return config.layerClients === "outside-gcp" ? client.cloud !== "gcp" : client.cloud !== "";
}

const noSuchPage: Refused = {
  kind: "refused",
  refusal: { kind: "refused", status: 404, form: "text", code: "", message: "not found" },
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
