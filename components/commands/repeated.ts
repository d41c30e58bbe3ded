/** The parser of an option that may be given several times: every value, in order. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
