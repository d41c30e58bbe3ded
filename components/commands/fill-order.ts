import { nearestFirst } from "../mirrors/nearest-mirrors.ts";
import type { FilesRequest, ImagesRequest } from "../promotion/run/request.ts";
import { CommandError } from "./command.ts";
import type { Production } from "./production.ts";

/** All that a task of a fill needs to know. Plain data: it is written where the tasks read it, which have neither config nor manifests nor state. */
export interface FillOrder {
  readonly fillOrder: 1;
  /** Name of the mirror to fill. */
  readonly mirror: string;
  /** What it shall have. The mirrors of each request are in the order in which they are read, the mirror itself last. */
  readonly images: readonly ImagesRequest[];
  readonly files: readonly FilesRequest[];
}

/**
 * The order to fill one mirror with all that belongs there. Pure.
 * @param filling names of the mirrors that are being filled: they are read where no other has something.
 */
export function fillOrderOf(production: Production, mirror: string, filling: ReadonlySet<string>): FillOrder {
  const isHere = ({ name }: { readonly name: string }) => name === mirror;
  return {
    fillOrder: 1,
    mirror,
    images: production.images
      .filter(({ mirrors, layerMirrors }) => [...mirrors, ...layerMirrors].some(isHere))
      .map((request) => ({ ...request, mirrors: nearestFirst(request.mirrors, mirror, filling) })),
    files: production.files
      .filter(({ mirrors }) => mirrors.some(isHere))
      .map((request) => ({ ...request, mirrors: nearestFirst(request.mirrors, mirror, filling) })),
  };
}

/** Reads an order that {@link fillOrderOf} made, from JSON. Throws CommandError. */
export function readFillOrder(text: string, from: string): FillOrder {
  let order: Partial<FillOrder> | undefined;
  try {
    order = JSON.parse(text) as Partial<FillOrder>;
  } catch {
    // Said below.
  }
  if (order?.fillOrder !== 1) throw new CommandError(`${from} is not an order that artifacts fill wrote`);
  return order as FillOrder;
}
