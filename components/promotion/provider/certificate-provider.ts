import { z } from "zod";
import { compareInputs } from "../../plugin/properties.ts";
import type { ResourceLog, ResourceProvider } from "../../plugin/protocol.ts";
import { causeOf } from "../http/errors.ts";
import { printable } from "../text/printable.ts";
import { awaitedResource, type Pause, realPause } from "./awaited-resource.ts";
import { type AskCertificate, askCertificateManager } from "./certificate-manager.ts";

/** The resource type of an issued certificate. */
export const issuedCertificateType = "promotion:index:IssuedCertificate";

/** How long a run waits, ms. With a DNS authorization Google takes some minutes (Certificate Manager docs, "Deploy a global certificate"). */
const patience = 15 * 60_000;

/** ms between the questions. The last is repeated. */
const pauses = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

/** What the provider needs beyond its log. */
interface CertificateDependencies {
  readonly ask: AskCertificate;
  readonly pause: Pause;
}

const real: CertificateDependencies = { ask: askCertificateManager(), pause: realPause };

/** The provider of `IssuedCertificate`: its creation ends when Certificate Manager says that the certificate is ACTIVE. */
export function certificateProvider(
  log: Pick<ResourceLog, "status">,
  { ask, pause }: CertificateDependencies = real,
): ResourceProvider {
  const stop = new AbortController();
  return {
    ...awaitedResource(stop, { name: "an issued certificate", does: "waits for it", input: "certificate" }),

    diff({ oldInputs, news }) {
      const changed = compareInputs(oldInputs, news);
      return { changed, replaces: changed.filter((name) => name === "certificate") };
    },

    async create({ urn, inputs, preview }) {
      if (preview) return { id: "", outputs: {} };
      const { certificate, endpoint } = schema.parse(inputs);
      for (let waited = 0, tries = 0; ; tries++) {
        const found = await stateOf(certificate, endpoint);
        if (found.state === "ACTIVE") return { id: certificate, outputs: {} };
        const said = [found.state, ...found.reasons].join(", ");
        if (found.state === "FAILED") throw new Error(`${notIssued(certificate, said)} ${anew}`);
        if (waited >= patience) throw new Error(`${notIssued(certificate, said)} ${again}`);
        const ms = pauses[Math.min(tries, pauses.length - 1)]!;
        void log.status(urn, `waiting for Google to issue the certificate: ${said}, ${Math.round(waited / 1000)} s`);
        await pause(ms, stop.signal);
        waited += ms;
      }
    },

    async update() {
      return { outputs: {} };
    },
  };

  /** An API that does not answer, or not yet, is asked again. @throws Error for a refusal. */
  async function stateOf(certificate: string, endpoint: string | undefined) {
    let answer: Awaited<ReturnType<AskCertificate>>;
    try {
      answer = await ask(certificate, endpoint, stop.signal);
    } catch (error) {
      stop.signal.throwIfAborted();
      return { state: "UNKNOWN", reasons: [causeOf(error)] };
    }
    if ("managed" in answer) return described(answer.managed);
    const { status, message } = answer;
    const said = `HTTP ${status} ${printable(message, 300)}`;
    if (status === 408 || status === 429 || status >= 500) return { state: "UNKNOWN", reasons: [said] };
    throw new Error(`the state of the certificate ${printable(certificate, 200)} cannot be read: ${said}`);
  }
}

const schema = z.object({ certificate: z.string().min(1), endpoint: z.string().optional() });

/** Certificate Manager API v1, "ManagedCertificate". */
const managedSchema = z.object({
  state: z.string(),
  provisioningIssue: z.object({ reason: z.string().optional(), details: z.string().optional() }).optional(),
  authorizationAttemptInfo: z
    .array(z.object({ failureReason: z.string().optional(), details: z.string().optional() }))
    .optional(),
});

function described(managed: unknown): { readonly state: string; readonly reasons: readonly string[] } {
  const { success, data } = managedSchema.safeParse(managed);
  if (!success) return { state: "UNKNOWN", reasons: ["the response is no managed certificate"] };
  const { state, provisioningIssue, authorizationAttemptInfo = [] } = data;
  const reasons = [
    provisioningIssue && [provisioningIssue.reason, provisioningIssue.details],
    ...authorizationAttemptInfo.map(({ failureReason, details }) => failureReason && [failureReason, details]),
  ].flatMap((parts) => (parts ? [parts.filter(Boolean).join(": ")] : []));
  return { state: printable(state, 40), reasons: [...new Set(reasons)].map((reason) => printable(reason, 300)) };
}

function notIssued(certificate: string, said: string): string {
  return `the certificate ${printable(certificate, 200)} is not issued (${said}), so its name does not point here yet.`;
}
const again =
  "The next `pulumi up` waits again; `gcloud certificate-manager certificates describe <name>` says what Google waits for";
const anew =
  "Google has given up: mend the cause, delete the certificate and its map entry, and run `pulumi up --refresh`, which makes them anew";
