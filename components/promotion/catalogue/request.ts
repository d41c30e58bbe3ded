import type { FailedPurge, FileMirror, StorageSettings, TrustSettings } from "../run/request.ts";
import type { SigningSettings } from "../trust/signing-settings.ts";

/** What the catalogue should list for one project: plain data, which survives JSON. */
export interface EntryRequest {
  readonly project: string;
  readonly description: string;
  /** Empty if the project names none. */
  readonly contact: string;
  readonly imagePrefix: string;
  readonly filePrefix: string;
  /** The promoted lines (see `../run/request.ts`); empty if nothing is promoted. */
  readonly images: string;
  readonly files: string;
  /** What is withdrawn, each on a line that begins with `image@sha256:<hex>` or `image:tag`, or with a path; absent: nothing. */
  readonly withdrawnImages?: string | undefined;
  readonly withdrawnFiles?: string | undefined;
  /** Registry URI and bucket (with the folder in it) that the project's people push to, for them to read; empty or absent: none. */
  readonly stagingRepository?: string | undefined;
  readonly stagingBucket?: string | undefined;
  /** URL of the repository of the manifests; absent: the catalogue does not say where people push. */
  readonly source?: string | undefined;
  /** The name that clients use, for the feed of what was promoted lately; absent: no feed is written. */
  readonly host?: string | undefined;
  /** The project's policy, under which its images are verified for the catalogue, and its URL; absent: nothing is verified. */
  readonly trust?: TrustSettings | undefined;
  readonly policy?: string | undefined;
  /** How the promotions sign, so that users see whose proofs to verify; absent: they do not. */
  readonly signing?: SigningSettings | undefined;
  /** Registry URI of the canonical image mirror, where manifests and signatures are read. */
  readonly registry: string;
  /** Names of all mirrors that the promotions have written, of images, layers and files; absent: redirectors learn nothing of the project. */
  readonly heldBy?: readonly string[] | undefined;
  /** Names of the mirrors that hold a part, because they are filled; absent: none. */
  readonly filling?: readonly string[] | undefined;
  /** The mirrors to write, the canonical one first. File sizes are read from that one. */
  readonly mirrors: readonly FileMirror[];
  readonly storage: StorageSettings;
}

/** What a project's entry may keep after a promotion that failed in part, or before one that removes. Everything else is unlisted. */
export interface UnlistRequest extends Pick<EntryRequest, "project" | "mirrors" | "storage" | "host"> {
  readonly kind: "images" | "files";
  /** The promoted lines that the manifest still wants; empty if none. */
  readonly lines: string;
  /** Prefix of the project's images or files. */
  readonly prefix: string;
  /** Names of mirrors in which the project is not placed: redirectors are told that they do not have it any more. */
  readonly notIn?: readonly string[] | undefined;
}

/** What a run did. */
export interface EntryOutcome {
  /** SHA-256 of the project's document; empty if nothing of the project is in production. */
  readonly document: string;
  /** Names of the mirrors whose entry is not complete. */
  readonly incomplete: readonly string[];
  /** One line each. */
  readonly failures: readonly string[];
  /** CDNs that may still serve what was there before. Absent: none. */
  readonly unpurged?: readonly FailedPurge[];
  /** One line: what was described and written. */
  readonly summary: string;
}
