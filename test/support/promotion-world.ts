/** A project of files with mirrors in real stores, promoted by the real engine. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { ObjectStores } from "./object-stores.ts";
import { type CliOutput, type DeclaredPromotions, PromotionProgram } from "./promotion-program.ts";
import { s3Keys } from "./s3-keys.ts";

/** Files of a project: content by path. */
export type StagedFiles = Readonly<Record<string, string | Uint8Array>>;

/** In hexadecimal digits. */
export function fileDigest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A project with buckets of its own, and its promotion as a program declares it. */
export class World {
  readonly name: string;
  readonly program: PromotionProgram;
  readonly #stores: ObjectStores;
  readonly #gcs: string;

  private constructor(stores: ObjectStores, name: string, program: PromotionProgram, gcs: string) {
    this.name = name;
    this.program = program;
    this.#stores = stores;
    this.#gcs = gcs;
  }

  /**
   * @param staged content of the project's staging bucket.
   * @param gcs where the promotion finds GCS.
   */
  static async make(stores: ObjectStores, name: string, staged: StagedFiles, gcs = stores.gcs): Promise<World> {
    for (const mirror of ["staging", "us", "eu"]) await stores.makeBucket("gcs", `${name}-${mirror}`);
    await stores.makeBucket("s3", `${name}-aws`, { versioned: true });
    await Promise.all(Object.entries(staged).map((file) => stores.stage(`${name}-staging`, ...file)));
    return new World(stores, name, await PromotionProgram.make(join(stores.folder, name)), gcs);
  }

  /** The promotion of these files. */
  promotion(files: StagedFiles, more: object = {}): DeclaredPromotions[string] {
    const lines = Object.entries(files).map(([path, content]) => `${path} sha256:${fileDigest(content)}\n`);
    return {
      type: "files",
      args: {
        project: this.name,
        files: lines.sort().join(""),
        summary: `${lines.length} files`,
        prefix: this.name,
        staging: `${this.name}-staging`,
        removalShare: 0.5,
        storage: { gcsEndpoint: `${this.#gcs}/storage/v1/`, s3Endpoint: this.#stores.s3, s3UsePathStyle: true },
        mirrors: [
          { name: "us", kind: "gcs", bucket: `${this.name}-us`, region: "us-central1" },
          { name: "eu", kind: "gcs", bucket: `${this.name}-eu`, region: "europe-west1" },
          { name: "aws", kind: "s3", bucket: `${this.name}-aws`, region: "us-east-1" },
        ],
        ...more,
      },
    };
  }

  /** Makes it the only one that the program declares. */
  async declare(files: StagedFiles, more: object = {}): Promise<void> {
    await this.program.declare({ [this.name]: this.promotion(files, more) });
  }

  /** Digests by path of what one mirror in GCS serves, or the one in S3 has. */
  async present(mirror: "us" | "eu" | "aws"): Promise<Record<string, string>> {
    const bucket = `${this.name}-${mirror}`;
    const prefix = `binaries/${this.name}/`;
    const { gcs, s3Client } = this.#stores;
    const digest = async (key: string): Promise<[path: string, digest: string]> => {
      const bytes =
        mirror === "aws"
          ? await (await s3Client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body!.transformToByteArray()
          : (await this.#stores.served(bucket, key))!.bytes;
      return [key.slice(prefix.length), fileDigest(bytes)];
    };
    if (mirror === "aws") {
      return Object.fromEntries(await Promise.all((await s3Keys(s3Client, bucket, prefix)).map(digest)));
    }
    const listed = await fetch(`${gcs}/storage/v1/b/${bucket}/o?maxResults=1000`);
    const { items = [] } = (await listed.json()) as { items?: { name: string }[] };
    return Object.fromEntries(await Promise.all(items.map(({ name }) => digest(name))));
  }

  /** Asserts that every mirror has these files and no other. */
  async hasExactly(files: StagedFiles): Promise<void> {
    const wanted = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, fileDigest(content)]));
    for (const mirror of ["us", "eu", "aws"] as const) assert.deepEqual(await this.present(mirror), wanted, mirror);
  }
}

/** The output of a command that has to succeed. */
export function succeeded(result: CliOutput): string {
  assert.equal(result.code, 0, result.output);
  return result.output;
}

/** The output of a command that has to fail. */
export function failed(result: CliOutput): string {
  assert.equal(result.code, 1, result.output);
  return result.output;
}
