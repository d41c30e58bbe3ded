import type { Preference, RedirectorConfig } from "../config.ts";
import { type Mirror, type MirrorSite, mirrorsOf, underPreference } from "../mirrors/mirrors.ts";
import { filesFolder } from "../object-paths.ts";
import type { KnownMirrors } from "./decide.ts";
import type { Route } from "./route.ts";

/** The mirrors of one instance, ranked by what is preferred; for some paths by something else. */
export class MirrorSets {
  /** Those whose health is probed. */
  readonly usual: KnownMirrors;
  /** The longest prefix first. */
  readonly #others: readonly { readonly images: string; readonly files: string; readonly mirrors: KnownMirrors }[];

  constructor({ imageMirrors, fileMirrors, prefer, preferIn }: RedirectorConfig) {
    const [images, files] = [mirrorsOf(imageMirrors, prefer), mirrorsOf(fileMirrors, prefer)];
    this.usual = setOf(images, files);
    this.#others = Object.entries(preferIn)
      .sort(([one], [other]) => other.length - one.length)
      .map(([prefix, preference]) => ({
        images: `/${prefix}/`,
        files: `/${filesFolder}${prefix}/`,
        mirrors: setOf(under(images, preference), under(files, preference)),
      }));
  }

  /** The mirrors as a route's path ranks them. */
  of(route: Route): KnownMirrors {
    if (this.#others.length === 0 || !("path" in route) || route.kind === "page") return this.usual;
    const kind = route.kind === "file" ? "files" : "images";
    for (const other of this.#others) if (route.path.startsWith(other[kind])) return other.mirrors;
    return this.usual;
  }
}

function setOf(images: KnownMirrors["images"], files: KnownMirrors["files"]): KnownMirrors {
  return { images, files, layers: files.filter((mirror) => mirror.site.layers) };
}

function under<Site extends MirrorSite>(mirrors: readonly Mirror<Site>[], prefer: Preference): Mirror<Site>[] {
  return mirrors.map((mirror) => underPreference(mirror, prefer));
}
