import type { FileMirror, StorageSettings } from "../run/request.ts";

/** What the catalogue is to say of one project: plain data, which survives JSON. */
export interface EntryRequest {
  readonly project: string;
  readonly description: string;
  /** Empty: none. */
  readonly contact: string;
  readonly imagePrefix: string;
  readonly filePrefix: string;
  /** The promoted lines (see `../run/request.ts`); empty: none. */
  readonly images: string;
  readonly files: string;
  /** Registry URI of the canonical image mirror, where manifests and signatures are read. */
  readonly registry: string;
  /** Where the catalogue is written; the canonical one first, where files are looked up. */
  readonly mirrors: readonly FileMirror[];
  readonly storage: StorageSettings;
}

/** Of a promotion that failed in part, or is being removed: what the manifest still wants. All else is to leave the project's entry. */
export interface UnlistRequest extends Pick<EntryRequest, "project" | "mirrors" | "storage"> {
  readonly kind: "images" | "files";
  /** The promoted lines that are wanted; empty: none. */
  readonly lines: string;
  /** Below which the project's images, or files, are. */
  readonly prefix: string;
}

/** What a run did. */
export interface EntryOutcome {
  /** SHA-256 of the project's document; empty: it has none, as nothing of it is in production. */
  readonly document: string;
  /** Mirrors that do not have the entry as it should be. */
  readonly incomplete: readonly string[];
  /** One line each. Empty: all is as wanted, everywhere. */
  readonly failures: readonly string[];
  /** One line: what was described and written. */
  readonly summary: string;
}
