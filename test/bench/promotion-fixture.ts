/** What is promoted: images, indexes and signatures in a registry's staging repositories. */
import { randomBytes } from "node:crypto";
import { Pusher } from "../support/registries.ts";

/** Sizes of a fixture. */
export interface FixtureSize {
  readonly repositories: number;
  /** In each repository. */
  readonly images: number;
  readonly indexes: number;
  readonly signatures: number;
  readonly layers: number;
  readonly layerBytes: number;
}

/** 100 images of 3 x 1 MiB, 10 indexes of 4 platforms, 20 signatures: in 10 repositories. */
export const standard: FixtureSize = {
  repositories: 10,
  images: 10,
  indexes: 1,
  signatures: 2,
  layers: 3,
  layerBytes: 1024 * 1024,
};

/** What was staged. */
export interface Fixture {
  readonly repositories: readonly string[];
  /** The manifest's lines; each repository is an image. */
  readonly lines: string;
  /** `repository:tag` of all, signatures too. */
  readonly references: readonly string[];
}

/** Fills `staging/<name>` of a registry. */
export async function stage(host: string, size: FixtureSize, prefix = "app"): Promise<Fixture> {
  const lines: string[] = [];
  const references: string[] = [];
  const names = Array.from({ length: size.repositories }, (_, index) => `${prefix}-${index}`);
  for (const name of names) {
    const pusher = new Pusher(host, `staging/${name}`);
    const layers = () => Array.from({ length: size.layers }, () => randomBytes(size.layerBytes));
    const add = (tag: string, digest: string) => {
      lines.push(`${name}:${tag} ${digest}\n`);
      references.push(`${name}:${tag}`);
    };
    const images = [];
    for (let image = 0; image < size.images; image++) {
      const pushed = await pusher.image({ tags: [`v${image}`], layers: layers() });
      images.push(pushed);
      add(`v${image}`, pushed.digest);
    }
    for (let index = 0; index < size.indexes; index++) {
      const children = [];
      for (let child = 0; child < 4; child++) children.push(await pusher.image({ layers: [randomBytes(1000)] }));
      const pushed = await pusher.index(children, [`i${index}`], ["amd64", "arm64", "s390x", "ppc64le"]);
      add(`i${index}`, pushed.digest);
    }
    for (const image of images.slice(0, size.signatures)) {
      await pusher.signature(image);
      references.push(`${name}:${image.digest.replace(":", "-")}.sig`);
    }
  }
  return { repositories: names, lines: lines.sort().join(""), references };
}
