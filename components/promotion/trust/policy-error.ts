/** An image or file does not satisfy its project's policy, which requires it. */
export class PolicyError extends Error {
  /**
   * @param missing what nothing proves, one text each.
   * @param isFormer by the policy that was deployed before this run.
   */
  constructor(missing: readonly string[], isFormer = false) {
    super(
      isFormer
        ? `the trust policy before this change requires ${missing.join("; ")}: changing the policy and using that takes two changes`
        : `the trust policy of the project requires ${missing.join("; ")}`,
    );
    this.name = "PolicyError";
  }
}
