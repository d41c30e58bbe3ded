/** A path as one word of a line whose words are separated by spaces. Paths have no `%` of their own. */
export function oneWord(path: string): string {
  return path.replaceAll(" ", "%20");
}

/** The path of {@link oneWord}. */
export function ofOneWord(word: string): string {
  return word.replaceAll("%20", " ");
}
