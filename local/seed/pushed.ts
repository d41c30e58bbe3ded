/** What a push did. */
export interface PushSummary {
  /** How many images' tags and files there are in all. */
  readonly items: number;
  /** How many of these were not there before. */
  readonly pushed: number;
  /** What was sent, in bytes. */
  readonly bytes: number;
}
