import type { TrustPolicy } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";

/** The policies of a run: its own, and the one that was deployed before it if the run loosens that. */
interface Policies<Policy extends TrustPolicy> {
  readonly trust?: Policy | undefined;
  readonly formerTrust?: Policy | undefined;
}

/** Whether any policy is required of what the run promotes. */
export function isRequired({ trust, formerTrust }: Policies<TrustPolicy>): boolean {
  return trust?.mode === "require" || formerTrust !== undefined;
}

/**
 * What the policies that are required lack: that of the run, and the one before it. None: it may be promoted.
 * @param missing what nothing proves under a policy, one text each.
 */
export async function unsatisfied<Policy extends TrustPolicy>(
  { trust, formerTrust }: Policies<Policy>,
  missing: (policy: Policy) => Promise<readonly string[]>,
): Promise<PolicyError[]> {
  const errors: PolicyError[] = [];
  for (const policy of [trust, formerTrust]) {
    if (policy?.mode !== "require") continue;
    const lacking = await missing(policy);
    if (lacking.length > 0) errors.push(new PolicyError(lacking, policy === formerTrust));
  }
  return errors;
}
