import type { Pushed } from "./registries.ts";

/** The lines of a request for the images of one repository, `app`, by tag, in the order that the promotion takes them. */
export function linesByTag(images: Readonly<Record<string, Pushed>>): string {
  return Object.entries(images)
    .map(([tag, { digest }]) => `app:${tag} ${digest}\n`)
    .sort()
    .join("");
}
