/** What is wrong with content that was read back from a mirror. */
export interface ContentFault {
  /** `corrupt`: it is there, and its bytes are not those of its digest. */
  readonly what: "missing" | "corrupt";
  /** Which part of it, and what it has instead, in words. */
  readonly why: string;
}

/** How content is read back. */
export interface ReadingBack {
  readonly signal: AbortSignal;
  /** Called with the bytes of each blob or file that was read. */
  received(bytes: number): void;
}
