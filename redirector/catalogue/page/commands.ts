import { fileAddress } from "./address.ts";
import type { AttachmentSummary, ImageVersion, PushTargets, ReleaseFile, SignatureSummary } from "./documents.ts";
import { isByVerified } from "./verified-signature.ts";

/** A command for a terminal. */
export interface TerminalCommand {
  readonly label: string;
  readonly line: string;
  /** What the user needs to know before running it. */
  readonly note?: string;
}

/** Commands that pull one version of an image and verify it. `host` includes the port, if there is one. */
export function imageCommands(host: string, repository: string, version: ImageVersion): TerminalCommand[] {
  const name = `${host}/${repository}`;
  const [tag] = version.tags;
  return [
    ...(isChart(version) ? chartCommands(name, version) : pullCommands(name, version)),
    ...(tag === undefined
      ? []
      : [{ label: "Digest of the tag", line: `crane digest ${name}:${tag}`, note: "Prints the digest above." }]),
    ...verifyCommands(name, version),
    ...attachedCommands(name, version),
  ];
}

/** A command that downloads a file and checks its digest. `origin` is scheme and host. */
export function fileCommand(origin: string, file: ReleaseFile): string {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  const address = fileAddress(file.path);
  // With -O curl names the file as the URL has it, without decoding (curl(1), --remote-name).
  const to = address.endsWith(`/${name}`) ? "-fLO" : `-fL -o ${shellWord(`./${name}`)}`;
  return `curl ${to} ${shellWord(origin + address)} && echo ${shellWord(`${file.sha256}  ${name}`)} | sha256sum -c`;
}

/** Commands that push to a project's staging area and propose what is there for production. Words in capitals are for the reader to replace. */
export function stagingCommands(project: string, { images, files }: PushTargets): TerminalCommand[] {
  const host = images?.split("/")[0] ?? "";
  const needsLogin = host.endsWith(".pkg.dev");
  return [
    ...(needsLogin
      ? [{ label: "Log in", line: `gcloud auth configure-docker ${shellWord(host)}`, note: "Once." }]
      : []),
    ...(images === undefined
      ? []
      : [{ label: "Push an image", line: `docker push ${shellWord(`${images}/IMAGE:TAG`)}` }]),
    ...(files === undefined
      ? []
      : [{ label: "Push a file", line: `gcloud storage cp FILE ${shellWord(`gs://${files}/PATH`)}` }]),
    {
      label: "Promote",
      line: `npm run promote -- ${shellWord(project)} ${images === undefined ? "files PATH" : "IMAGE:TAG"}`,
      note: "In a clone of the repository of the manifests: it writes the change for a pull request.",
    },
  ];
}

/** Quotes a text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function pullCommands(name: string, { tags: [tag], digest, artifactType }: ImageVersion): TerminalCommand[] {
  if (artifactType !== undefined) return [{ label: "oras", line: `oras pull ${name}@${digest}` }];
  return [
    ...(tag === undefined ? [] : [{ label: "Docker", line: `docker pull ${name}:${tag}` }]),
    { label: tag === undefined ? "Docker" : "Docker, by digest", line: `docker pull ${name}@${digest}` },
    { label: "crane", line: `crane pull ${name}@${digest} image.tar` },
  ];
}

function chartCommands(name: string, { tags: [tag], digest }: ImageVersion): TerminalCommand[] {
  // Helm writes the `+` of a version as `_` in a tag (helm.sh/docs/topics/registries).
  if (tag !== undefined)
    return [{ label: "Helm", line: `helm pull oci://${name} --version ${tag.replaceAll("_", "+")}` }];
  return [{ label: "oras", line: `oras pull ${name}@${digest}` }];
}

function isChart({ artifactType }: ImageVersion): boolean {
  return artifactType?.startsWith("application/vnd.cncf.helm.") ?? false;
}

/** The command that verifies the signature. None if no single command can verify it. */
function verifyCommands(name: string, { signatures, digest, verification }: ImageVersion): TerminalCommand[] {
  const isVerified = (one: SignatureSummary) => isByVerified(one, verification);
  const signature = signatures.find(isVerified) ?? signatures.find(({ of }) => of === undefined) ?? signatures[0];
  if (signature === undefined) return [];
  const { of, format, identity, issuer, logged, attached } = signature;
  const subject = `${name}@${of ?? digest}`;
  if (format === "notation") {
    const note = "Uses the trust policy that you have configured.";
    return [{ label: "notation", line: `notation verify ${subject}`, note }];
  }
  const notes = format === "sigstore" ? ["Needs cosign 3 or newer."] : [];
  const words = ["cosign verify"];
  if (identity !== undefined && issuer !== undefined) {
    // The certificate is valid for minutes. Only the log proves that the signature was made in that time.
    if (logged === false) return [];
    words.push(`--certificate-identity=${shellWord(identity)}`, `--certificate-oidc-issuer=${shellWord(issuer)}`);
    notes.unshift(
      isVerified(signature)
        ? "The project's trust policy names this signer, and its signature was verified when the image was listed."
        : "Check that this is the signer you expect: the catalogue shows the identity in the certificate and does not verify it.",
    );
  } else {
    if (identity !== undefined || issuer !== undefined) return []; // a certificate of an unknown authority
    words.push("--key cosign.pub");
    notes.unshift("cosign.pub is the project's public key. Get it from the project itself.");
    if (isVerified(signature))
      notes.unshift(
        "The project's trust policy names a key, by which a signature was verified when the image was listed.",
      );
    if (logged === false) {
      words.push("--insecure-ignore-tlog=true");
      notes.push("This signature is not in a transparency log, so cosign must not look for it there.");
    }
  }
  if (format === "cosign" && attached === "referrer") words.push("--experimental-oci11=true");
  return [{ label: "cosign", line: [...words, subject].join(" "), note: notes.join(" ") }];
}

/** Commands that show what is attached. They depend on how it is attached: no tool supports all ways. */
function attachedCommands(name: string, { digest, attestations, sboms }: ImageVersion): TerminalCommand[] {
  const at = ({ of }: AttachmentSummary): string => `${name}@${of ?? digest}`;
  const first = (
    all: readonly AttachmentSummary[],
    how: AttachmentSummary["attached"],
  ): AttachmentSummary | undefined =>
    all.find(({ attached, of }) => attached === how && of === undefined) ??
    all.find(({ attached }) => attached === how);
  const referrer = first([...attestations, ...sboms], "referrer");
  const [attestation, sbom] = [first(attestations, "tag"), first(sboms, "tag")];
  const inIndex = (what: string): string =>
    `docker buildx imagetools inspect ${name}@${digest} --format '{{ json .${what} }}'`;
  return [
    ...(referrer ? [{ label: "What is attached", line: `oras discover ${at(referrer)}` }] : []),
    ...(attestation ? [{ label: "Attestations", line: `cosign download attestation ${at(attestation)}` }] : []),
    ...(sbom ? [{ label: "SBOM", line: `cosign download sbom ${at(sbom)}` }] : []),
    ...(first(attestations, "index") ? [{ label: "Provenance", line: inIndex("Provenance") }] : []),
    ...(first(sboms, "index") ? [{ label: "SBOM", line: inIndex("SBOM") }] : []),
  ];
}
