/** The conditions of grants that the program makes, in the Common Expression Language (IAM docs, "Attribute reference for IAM Conditions", `resource.name`). */

/**
 * Whether a condition holds for an object in Cloud Storage: its terms, joined by `&&`, are about the start of the resource's name, or of what
 * `extract` takes out of it.
 * @param resource `projects/_/buckets/<bucket>/objects/<key>`, or the bucket itself.
 * @throws Error for any other term: what it means must be said here first.
 */
export function conditionHolds(expression: string, resource: string): boolean {
  return expression.split("&&").every((text) => {
    const term = text.trim();
    const [, not, template, prefix] =
      /^(!?)resource\.name(?:\.extract\("([^"{}]*)\{\w+\}"\))?\.startsWith\("([^"]*)"\)$/.exec(term) ?? [];
    if (prefix === undefined)
      throw new Error(`${term} is in a condition of a grant: say in ${import.meta.filename} what it means`);
    // Without the text before the braces nothing is extracted, and the result is empty.
    const at = template === undefined ? 0 : resource.indexOf(template);
    const value = at < 0 ? "" : resource.slice(at + (template ?? "").length);
    return value.startsWith(prefix) === (not === "");
  });
}
