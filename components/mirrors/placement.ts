/** Which mirrors a project is placed in, by the groups of regions that its project.yaml names. Pure. */
import type { FileMirror, ImageMirror, LayerMirror } from "../promotion/run/request.ts";
import type { StackConfig } from "../stack/config.ts";
import { type Grouping, regionGroups } from "../stack/region-groups.ts";
import { bucketMirrorName, layerMirrorsOf, storeMirrorName } from "./bucket-mirrors.ts";
import { fileMirrorName, imageMirrorName } from "./mirror-names.ts";

/** Whether a project is placed in the mirror of that name. */
export type Placement = (mirror: string) => boolean;

/**
 * The placement of a project. The canonical mirrors, which all others are filled from, and stores that keep a locked copy always have everything.
 * @param groups of the project; undefined: it is in all mirrors.
 */
export function placementOf(
  config: Grouping & Pick<StackConfig, "gcpRegions">,
  groups: readonly string[] | undefined,
): Placement {
  if (groups === undefined) return () => true;
  const all = regionGroups(config);
  const places = new Set(groups.flatMap((group) => [...(all.get(group) ?? [])]));
  const [canonical] = config.gcpRegions;
  const regions = [...config.gcpRegions, ...config.awsRegions].filter(({ name }) => places.has(name));
  const stores = config.imageStores.filter(({ name, lock }) => places.has(name) || lock !== undefined);
  const names = new Set([
    ...[canonical, ...regions].flatMap((region) => [imageMirrorName(region), fileMirrorName(region)]),
    ...regions.map(bucketMirrorName),
    ...stores.map(storeMirrorName),
  ]);
  return (mirror) => names.has(mirror);
}

/** Mirrors by what they hold, canonical ones first. */
export interface MirrorsByKind<Image extends ImageMirror = ImageMirror> {
  readonly images: readonly Image[];
  /** The file mirrors that also hold image layers. */
  readonly layers: readonly LayerMirror[];
  readonly files: readonly FileMirror[];
}

/** Those of all mirrors in which a project is placed, and the others. */
export function splitMirrors<Image extends ImageMirror>(
  { images, files }: Omit<MirrorsByKind<Image>, "layers">,
  isPlaced: Placement,
): { readonly placed: MirrorsByKind<Image>; readonly unplaced: MirrorsByKind<Image> } {
  const layers = layerMirrorsOf(images, files);
  const those = (are: boolean): MirrorsByKind<Image> => ({
    images: images.filter(({ name }) => isPlaced(name) === are),
    layers: layers.filter(({ name }) => isPlaced(name) === are),
    files: files.filter(({ name }) => isPlaced(name) === are),
  });
  return { placed: those(true), unplaced: those(false) };
}
