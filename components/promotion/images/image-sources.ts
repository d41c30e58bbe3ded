import type { Images } from "./lines.ts";

/** Where images lie in staging, and which images come from one place there. */
export class ImageSources {
  readonly #sources: ReadonlyMap<string, string>;
  /** The images that come from each place that more than one comes from. */
  readonly #together = new Map<string, readonly string[]>();

  /**
   * @param text a line `image source` for each image that lies in staging under another name than its own.
   * @param wanted all images, by their names in production.
   * @throws Error that names the line. (The program writes them: a wrong one is its own.)
   */
  constructor(text: string | undefined, wanted: Images) {
    this.#sources = new Map(
      (text ?? "").split("\n").flatMap((line, index) => {
        if (line === "") return [];
        const [image, source, ...rest] = line.split(" ");
        if (image === undefined || image === "" || source === undefined || source === "" || rest.length > 0)
          throw new Error(`line ${index + 1} of the sources is not "image source"`);
        return [[image, source] as const];
      }),
    );
    for (const [source, images] of Map.groupBy(wanted.keys(), (image) => this.of(image)))
      if (images.length > 1) this.#together.set(source, images);
  }

  /** The image's name in staging. */
  of(image: string): string {
    return this.#sources.get(image) ?? image.replace(/^\//, "");
  }

  /** The other images from the same place in staging: what they hold in a mirror, this one can have without a download. */
  siblings(image: string): readonly string[] {
    return (this.#together.get(this.of(image)) ?? []).filter((other) => other !== image);
  }
}
