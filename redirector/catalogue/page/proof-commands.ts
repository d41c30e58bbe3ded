import { shellWord, type TerminalCommand } from "./commands.ts";
import type { AttestationSummary, ImageVersion, ProofSigner } from "./documents.ts";

const summaryType = "https://slsa.dev/verification_summary/v1";
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const provenanceType = "https://slsa.dev/provenance/v1";
const github = "https://token.actions.githubusercontent.com";

/** Where an image is pulled from, and whose it is. */
interface Published {
  readonly host: string;
  readonly project: string;
  readonly repository: string;
}

/**
 * Commands that verify what a version has attached beyond its signature: the verification summary that the promotion signed, and GitHub's provenance.
 * Each is shown only where it applies.
 */
export function proofCommands(
  published: Published,
  { digest, attestations }: ImageVersion,
  proof: ProofSigner | undefined,
): TerminalCommand[] {
  const subject = `${published.host}/${published.repository}@${digest}`;
  const own = attestations.filter(({ of, attached }) => of === undefined && attached === "referrer");
  const summary = own.find(({ predicateType }) => predicateType === summaryType);
  return [
    ...(summary && proof ? summaryCommands(published, digest, summary, proof) : []),
    ...provenanceCommands(subject, own),
  ];
}

function summaryCommands(
  { host, project, repository }: Published,
  digest: string,
  { levels = [] }: AttestationSummary,
  { verifier, host: named, identity = "", issuer = "", key, logged, privateRoots }: ProofSigner,
): TerminalCommand[] {
  const subject = `${host}/${repository}@${digest}`;
  const cosign = ["cosign verify-attestation", `--type ${summaryType}`];
  if (key !== undefined) {
    const level = levels.find((each) => /^SLSA_BUILD_LEVEL_[0-9]$/.test(each));
    const address = `https://${host}/catalog/projects/${project}.json`;
    return [
      {
        label: "The promotion's key",
        line: `curl -fsS ${shellWord(address)} | jq -er .proof.key > promotions.pub`,
        note: "Once. Compare it with what you know from elsewhere: whoever serves the image serves the key.",
      },
      {
        label: "What was verified",
        line: [...cosign, "--key promotions.pub --insecure-ignore-tlog=true", shellWord(subject)].join(" "),
        note: "Verifies the summary that the promotion signed. Needs cosign 3 or newer.",
      },
      ...(level === undefined
        ? []
        : [
            {
              label: "The summary",
              line: `regctl artifact get --subject ${shellWord(subject)} --filter-artifact-type ${bundleType} --filter-annotation dev.sigstore.bundle.predicateType=${summaryType} | jq .dsseEnvelope > vsa.intoto.jsonl`,
            },
            {
              label: "Its build level",
              line: `slsa-verifier verify-vsa --subject-digest ${digest} --attestation-path vsa.intoto.jsonl --verifier-id ${shellWord(verifier)} --resource-uri ${shellWord(`oci://${named}/${repository}`)} --verified-level ${level} --public-key-path promotions.pub`,
            },
          ]),
    ];
  }
  const isPattern = identity.includes("*");
  const words = [
    isPattern
      ? `--certificate-identity-regexp=${shellWord(regexpOf(identity))}`
      : `--certificate-identity=${shellWord(identity)}`,
    `--certificate-oidc-issuer=${shellWord(issuer)}`,
    ...(logged ? [] : ["--insecure-ignore-tlog=true --use-signed-timestamps"]),
    ...(privateRoots ? ["--trusted-root trusted_root.json"] : []),
  ];
  const repositoryAtGitHub = githubRepository(verifier);
  return [
    {
      label: "What was verified",
      line: [...cosign, ...words, shellWord(subject)].join(" "),
      note: [
        "Verifies the summary that the promotion signed. Needs cosign 3 or newer.",
        ...(privateRoots
          ? ["trusted_root.json has the roots of the Sigstore that this registry uses: get it from its operators."]
          : []),
      ].join(" "),
    },
    ...(issuer === github && logged && !privateRoots && repositoryAtGitHub !== undefined
      ? [
          {
            label: "The same with gh",
            line: `gh attestation verify ${shellWord(`oci://${subject}`)} --bundle-from-oci --repo ${repositoryAtGitHub} --predicate-type ${summaryType}`,
          },
        ]
      : []),
  ];
}

/** GitHub's provenance, by its own tool: of certificates for its workflows alone. */
function provenanceCommands(subject: string, attestations: readonly AttestationSummary[]): TerminalCommand[] {
  const provenance = attestations.find(
    ({ predicateType, issuer, source }) =>
      predicateType === provenanceType && issuer === github && source !== undefined,
  );
  const built = githubRepository(provenance?.source ?? "");
  if (provenance === undefined || built === undefined) return [];
  const workflow = /^https:\/\/github\.com\/([\w.-]+\/[\w.-]+)\//.exec(provenance.identity ?? "")?.[1];
  const words = workflow === undefined || workflow === built ? [] : [`--signer-repo ${workflow}`];
  return [
    {
      label: "What built it",
      line: [
        "gh attestation verify",
        shellWord(`oci://${subject}`),
        "--bundle-from-oci",
        `--repo ${built}`,
        ...words,
      ].join(" "),
      note: "Check that this is the repository you expect: the catalogue shows what the certificate says and does not verify it.",
    },
  ];
}

/** `owner/name` of a repository's URL; undefined: it is none at GitHub. */
function githubRepository(url: string): string | undefined {
  return /^https:\/\/github\.com\/([\w.-]+\/[\w.-]+)$/.exec(url)?.[1];
}

/** A pattern with `*` as a regular expression that matches the whole text. */
function regexpOf(pattern: string): string {
  return `^${pattern
    .split("*")
    .map((part) => part.replace(/[.*+?^$(){}|[\]\\]/g, "\\$&"))
    .join(".*")}$`;
}
