import { z } from "zod";

// The one definition of a policy of trust: of a project in its project.yaml, whose reader passes every scalar as text,
// and of the stack in artifacts:trust. So every value in it is text.

/** Printable characters without blanks. */
const word = (what: string, most = 300) =>
  z
    .string({ error: `${what} must be text` })
    .regex(new RegExp(`^[\\x21-\\x7e]{1,${most}}$`), { error: `${what} must be printable characters without blanks` });

const listOf = <Item extends z.ZodType>(name: string, item: Item) =>
  z.array(item, { error: `${name} must be a list, one \`- \` line for each` });

/** Of unknown keys the message is the known ones, as the reader of manifests takes it (validate.ts). */
function mapOf<Shape extends z.ZodRawShape>(name: string, shape: Shape) {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code }) => (code === "unrecognized_keys" ? known : `${name} must be a map of ${known}`),
  });
}

const url = (what: string, example: string) =>
  word(what).regex(/^https:\/\//, { error: `${what} must be a URL, e.g. ${example}` });

const patterns = (name: string, what: string) =>
  listOf(name, word("a pattern"))
    .optional()
    .meta({ description: `${what}: one of these patterns, * standing for any characters (default any)` });

const signer = mapOf("a signer", {
  identity: word("identity")
    .optional()
    .meta({ description: "The identity in the certificate, whole: a workflow's URL with its ref, or a mail address" }),
  identityPattern: word("identityPattern")
    .optional()
    .meta({ description: "The same as a pattern, * standing for any characters" }),
  issuer: url("issuer", "https://token.actions.githubusercontent.com")
    .optional()
    .meta({ description: "Who vouches for the identity, e.g. https://token.actions.githubusercontent.com" }),
  key: z
    .string({ error: "key must be text" })
    .regex(/^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]{40,2000}\n-----END PUBLIC KEY-----\n?$/, {
      error: "key must be a public key in PEM: `key: |` and the lines from BEGIN PUBLIC KEY to END PUBLIC KEY",
    })
    .optional()
    .meta({ description: "A public key in PEM, in place of identity and issuer" }),
}).refine(
  ({ identity, identityPattern, issuer, key }) =>
    key === undefined
      ? issuer !== undefined && (identity === undefined) !== (identityPattern === undefined)
      : identity === undefined && identityPattern === undefined && issuer === undefined,
  { error: "a signer is either `identity` (or `identityPattern`) with `issuer`, or `key` alone" },
);

/** The members of a policy. */
const members = {
  mode: z
    .enum(["off", "warn", "require"], { error: "mode must be off, warn or require" })
    .meta({ description: "require: what does not satisfy the policy is not promoted; warn: the preview says so" }),
  signers: listOf("signers", signer).optional().meta({ description: "Whose signatures count (default: the stack's)" }),
  provenance: mapOf("provenance", {
    builders: patterns("builders", "The builder"),
    sources: patterns("sources", "The source repository, e.g. https://github.com/owner/name"),
    refs: patterns("refs", "The ref that was built, e.g. refs/tags/*"),
    buildTypes: patterns("buildTypes", "The build type"),
  })
    .optional()
    .meta({ description: "What SLSA provenance, which then must be there, must say (default: none is asked for)" }),
  predicates: listOf("predicates", url("a predicate", "https://spdx.dev/Document"))
    .optional()
    .meta({ description: "Predicate types of attestations that must be there (default none)" }),
};

/** A project's policy. */
export const trustFormat = mapOf("trust", members);

/** The stack's: the policy of projects that have none, and the file of a private Sigstore's roots. */
export const stackTrustFormat = mapOf("trust", {
  ...members,
  mode: members.mode.default("off"),
  trustedRoot: word("trustedRoot").optional(),
});

/** A policy as `project.yaml` declares it. */
export type DeclaredTrust = z.output<typeof trustFormat>;

/** A policy as the stack declares it. Its mode is the least that projects may ask for. */
export type StackTrust = z.output<typeof stackTrustFormat>;
