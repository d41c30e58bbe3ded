import { fileAddress } from "./address.ts";
import type { ImageVersion, ReleaseFile } from "./documents.ts";

/** A command for a terminal. */
export interface Command {
  readonly label: string;
  readonly line: string;
  /** What the reader has to know before running it. */
  readonly note?: string;
}

/** How to get one version of an image and check it; `host` as a client names it, with its port if it has one. */
export function imageCommands(host: string, repository: string, version: ImageVersion): Command[] {
  const name = `${host}/${repository}`;
  const pinned = `${name}@${version.digest}`;
  const [tag] = version.tags;
  return [
    ...(isChart(version) ? chartCommands(name, version) : pullCommands(name, version)),
    ...(tag === undefined
      ? []
      : [{ label: "What the tag is", line: `crane digest ${name}:${tag}`, note: "Prints the digest above." }]),
    ...verifyCommands(name, version),
    ...(version.attestations.length + version.sboms.length > 0
      ? [{ label: "What is attached", line: `oras discover ${pinned}` }]
      : []),
  ];
}

/** How to download a file and check it, in one line; `origin` is scheme and host. */
export function fileCommand(origin: string, file: ReleaseFile): string {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  const url = quoted(origin + fileAddress(file.path));
  return `curl -fLO ${url} && echo ${quoted(`${file.sha256}  ${name}`)} | sha256sum -c`;
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function pullCommands(name: string, { tags: [tag], digest, artifactType }: ImageVersion): Command[] {
  if (artifactType !== undefined) return [{ label: "oras", line: `oras pull ${name}@${digest}` }];
  return [
    ...(tag === undefined ? [] : [{ label: "Docker", line: `docker pull ${name}:${tag}` }]),
    { label: tag === undefined ? "Docker" : "Docker, by digest", line: `docker pull ${name}@${digest}` },
    { label: "crane", line: `crane pull ${name}@${digest} image.tar` },
  ];
}

function chartCommands(name: string, { tags: [tag], digest }: ImageVersion): Command[] {
  // Helm writes the `+` of a version as `_` in a tag (helm.sh/docs/topics/registries).
  if (tag !== undefined)
    return [{ label: "Helm", line: `helm pull oci://${name} --version ${tag.replaceAll("_", "+")}` }];
  return [{ label: "oras", line: `oras pull ${name}@${digest}` }];
}

function isChart({ artifactType }: ImageVersion): boolean {
  return artifactType?.startsWith("application/vnd.cncf.helm.") ?? false;
}

function verifyCommands(name: string, { signatures, digest }: ImageVersion): Command[] {
  const signature = signatures.find(({ of }) => of === undefined) ?? signatures[0];
  if (signature === undefined) return [];
  const subject = `${name}@${signature.of ?? digest}`;
  const { format, identity, issuer } = signature;
  if (format === "notation") return [{ label: "notation", line: `notation verify ${subject}` }];
  if (identity === undefined || issuer === undefined) {
    const note = "cosign.pub: the project's public key, from the project itself.";
    return [{ label: "cosign", line: `cosign verify --key cosign.pub ${subject}`, note }];
  }
  const who = `--certificate-identity=${quoted(identity)} --certificate-oidc-issuer=${quoted(issuer)}`;
  const note =
    "Is that who you expect to have signed? The catalogue shows whom the certificate names, without a judgement.";
  return [{ label: "cosign", line: `cosign verify ${who} ${subject}`, note }];
}
