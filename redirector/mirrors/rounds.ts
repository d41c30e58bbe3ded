/** When rounds are made. */
export interface RoundTimes {
  /** Milliseconds before the first one. */
  readonly firstMs: number;
  /** For the jitter: 0 to 1. */
  readonly random?: () => number;
}

/**
 * Makes a round, and the next one after as many seconds as it says, with 20 % jitter, so that the instances of a region do not ask a mirror all at once.
 * Rounds do not overlap, and do not keep the process alive. @param round does not reject. @returns stops after the round in progress.
 */
export function startRounds(round: () => Promise<number>, { firstMs, random = Math.random }: RoundTimes): () => void {
  let timer: NodeJS.Timeout;
  let isStopped = false;
  const later = (ms: number): void => {
    timer = setTimeout(() => void next(), ms).unref();
  };
  const next = async (): Promise<void> => {
    const seconds = await round();
    if (!isStopped) later(seconds * 1000 * (0.8 + 0.4 * random()));
  };
  later(firstMs);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
