/** Summary of a push. */
export interface PushSummary {
  /** Number of images and files in all. */
  readonly items: number;
  /** Number of images and files that were missing. */
  readonly pushed: number;
  /** Bytes sent. */
  readonly bytes: number;
}
