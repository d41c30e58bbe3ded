/** Exit codes of every command. */
export const exitCodes = {
  /** Done; nothing differs. */
  ok: 0,
  /** It could not be done, or not all of it: the messages say what. */
  error: 1,
  /** It was called wrongly, and did nothing. */
  usage: 2,
  /** It was done, and something differs: production from the manifests. */
  differs: 3,
} as const;

/** What each exit code means, for `artifacts --help` and the documents. */
export const exitCodesInWords =
  "0 done; 1 an error; 2 called wrongly, nothing was done; 3 production differs from the manifests";
