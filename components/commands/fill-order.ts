import { nearestFirst } from "../mirrors/nearest-mirrors.ts";
import { keyedLines } from "../promotion/provider/unwanted-lines.ts";
import type { FilesRequest, ImageMirror, ImagesRequest } from "../promotion/run/request.ts";
import { readStoreAddress } from "../promotion/run/store-address.ts";
import type { Production } from "./production.ts";

/** What one mirror shall have. Plain data: it is written where the tasks of a job read it, which have neither config nor manifests nor state. */
export interface MirrorOrder {
  /** Its name. */
  readonly mirror: string;
  /** What it shall have. The mirrors of each request are in the order in which they are read, the mirror itself last. */
  readonly images: readonly ImagesRequest[];
  readonly files: readonly FilesRequest[];
}

/** All that a task of a fill needs to know. */
export interface FillOrder extends MirrorOrder {
  readonly fillOrder: 1;
  /** Name of the bucket in Cloud Storage for the tasks' reports; absent: they report nothing. */
  readonly reports?: string;
}

/**
 * The order to fill one mirror with all that belongs there. Pure.
 * @param filling names of the mirrors that are being filled: they are read where no other has something.
 */
export function fillOrderOf(production: Production, mirror: string, filling: ReadonlySet<string>): FillOrder {
  return { fillOrder: 1, ...mirrorOrderOf(production, mirror, filling) };
}

/** What one mirror shall have. Pure. @param filling as of {@link fillOrderOf}. */
export function mirrorOrderOf(production: Production, mirror: string, filling: ReadonlySet<string>): MirrorOrder {
  const isHere = ({ name }: { readonly name: string }) => name === mirror;
  return {
    mirror,
    images: production.images
      .filter(({ mirrors, layerMirrors }) => [...mirrors, ...layerMirrors].some(isHere))
      .map((request) => ({ ...request, mirrors: nearestFirst(request.mirrors, mirror, filling) })),
    files: production.files
      .filter(({ mirrors }) => mirrors.some(isHere))
      .map((request) => ({ ...request, mirrors: nearestFirst(request.mirrors, mirror, filling) })),
  };
}

/** An order that a job can carry out, and what it leaves out. */
export interface OrderForJob {
  readonly order: FillOrder;
  /** Names of the projects whose images only stores with keys have besides. */
  readonly unreadable: readonly string[];
}

/**
 * The order without the stores whose keys are in the environment of whoever runs a command: a job has no secrets. Pure.
 * @param reports the bucket for the tasks' reports.
 */
export function orderForJob(order: FillOrder, reports: string): OrderForJob {
  const isReadable = ({ name, repository }: ImageMirror) =>
    name === order.mirror || readStoreAddress(repository)?.keys === undefined;
  const images = order.images.map((request) => ({
    ...request,
    mirrors: request.mirrors.filter(isReadable),
    ...(request.unplaced && { unplaced: request.unplaced.filter(isReadable) }),
  }));
  const hasSource = ({ mirrors }: ImagesRequest) => mirrors.some(({ name }) => name !== order.mirror);
  // One that has never had another mirror is not filled by a job either, but from staging by deployments.
  const isLost = (request: ImagesRequest, index: number) => !hasSource(request) && hasSource(order.images[index]!);
  return {
    order: { ...order, reports, images: images.filter((request, index) => !isLost(request, index)) },
    unreadable: images.filter(isLost).map(({ project }) => project),
  };
}

/**
 * How many lines of an order another one does not have: what a fill by the first may bring back that was withdrawn, moved or replaced. Lines that only the
 * second has are no matter: what a deployment adds it brings to mirrors that are being filled as well. Pure.
 */
export function linesWithdrawn(of: FillOrder, since: FillOrder): number {
  return withdrawn(of.images, since.images) + withdrawn(of.files, since.files);
}

function withdrawn<Request extends ImagesRequest | FilesRequest>(
  of: readonly Request[],
  since: readonly Request[],
): number {
  const wanted = new Set(since.flatMap(linesOf));
  return of.flatMap(linesOf).filter((line) => !wanted.has(line)).length;
}

function linesOf(request: ImagesRequest | FilesRequest): string[] {
  return keyedLines(request).map((line) => `${request.project} ${line}`);
}
