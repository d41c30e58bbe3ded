/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Parses the challenges of a `WWW-Authenticate` header; parts that cannot be parsed are left out. */
export function readChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  // A word followed by `=` is a parameter of the challenge before it; any other word starts a new challenge.
  const token = /([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g;
  for (const [text, word, quoted, bare] of header.matchAll(token)) {
    if (!text.includes("=")) {
      challenges.push({ scheme: word!.toLowerCase(), parameters: {} });
    } else {
      const current = challenges.at(-1);
      if (current) current.parameters[word!.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "";
    }
  }
  return challenges;
}
