import type { Client } from "./client.ts";
import type { FileMirror, ImageMirror, RedirectorConfig } from "./config.ts";
import { chooseMirror, type Mirror } from "./mirrors.ts";
import type { BlobRoute, PageRoute, PlainRoute, RefusedRoute, Route } from "./route.ts";

/** What to do with a request, as data. */
export type Decision = Redirect | Check | Refused | Plain | Page;

/** Send the client there. */
export interface Redirect {
  readonly kind: "redirect";
  readonly what: "manifest" | "tags" | "referrers" | "blob" | "file" | "home" | "privacy";
  /** Nothing for a page. */
  readonly mirror: Mirror | undefined;
  readonly location: string;
}

/** Find out whether a bucket holds a layer, and do the one or the other. */
export interface Check {
  readonly kind: "check";
  /** Name of the mirror to ask; the layer's address is where `present` leads. */
  readonly bucket: string;
  readonly present: Redirect;
  readonly absent: Redirect;
}

/** Say no. */
export interface Refused {
  readonly kind: "refused";
  readonly refusal: RefusedRoute;
}

/** Answer oneself. */
export interface Plain {
  readonly kind: "plain";
  readonly page: Exclude<PlainRoute["kind"], "home" | "privacy">;
}

/** Show something to people. */
export interface Page {
  readonly kind: "page";
  readonly route: PageRoute;
}

/** The mirrors that one instance knows, each list with the canonical one first. */
export interface Mirrors {
  readonly images: readonly Mirror<ImageMirror>[];
  readonly files: readonly Mirror<FileMirror>[];
  /** Those file mirrors that also hold image layers. */
  readonly layers: readonly Mirror<FileMirror>[];
}

/** Decides what to do. Pure but for reading the mirrors' health. */
export function decide(route: Route, client: Client, mirrors: Mirrors, config: RedirectorConfig): Decision {
  switch (route.kind) {
    case "manifest":
    case "tags":
    case "referrers": {
      const mirror = chooseMirror(mirrors.images, client);
      if (!mirror) return noSuchMirrors.images;
      return { kind: "redirect", what: route.kind, mirror, location: mirror.site.url + route.path + route.query };
    }
    case "blob":
      return decideBlob(route, client, mirrors, config);
    case "file": {
      const mirror = chooseMirror(mirrors.files, client);
      if (!mirror) return noSuchMirrors.files;
      return { kind: "redirect", what: "file", mirror, location: mirror.site.url + route.path };
    }
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

function decideBlob(route: BlobRoute, client: Client, mirrors: Mirrors, config: RedirectorConfig): Decision {
  const registry = chooseMirror(mirrors.images, client);
  if (!registry) return noSuchMirrors.images;
  const fromRegistry: Redirect = {
    kind: "redirect",
    what: "blob",
    mirror: registry,
    location: registry.site.url + route.path + route.query,
  };
  if (!mayHaveLayers(client, config)) return fromRegistry;
  const bucket = chooseMirror(mirrors.layers, client);
  if (!bucket?.healthy) return fromRegistry;
  if (config.layerClients === "same-cloud" && bucket.site.cloud !== client.cloud) return fromRegistry;
  const location = `${bucket.site.url}/containers/images/${route.digest}`;
  return {
    kind: "check",
    bucket: bucket.site.name,
    present: { kind: "redirect", what: "blob", mirror: bucket, location },
    absent: fromRegistry,
  };
}

/** Clients inside GCP read the registry, which is theirs, for nothing. */
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
