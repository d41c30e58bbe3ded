import { addressOf } from "../address.ts";
import { imageCommands } from "../commands.ts";
import { copyButton, copyLine } from "../copy-button.ts";
import type { ImageDetails, ImageSummary, ImageVersion, ProofSigner, SignatureSummary } from "../documents.ts";
import { element, unseen } from "../element.ts";
import { proofCommands } from "../proof-commands.ts";
import { formatDay, formatQuantity, formatSize, formatSizeRange, shortDigest } from "../text.ts";
import { isByVerified } from "../verified-signature.ts";
import { commandList } from "./command-list.ts";
import { link, longList, nothing, type Shown, trail } from "./parts.ts";

/** Number of versions from which the view has a filter. */
const filterFrom = 12;

/** What the view of an image needs. */
export interface ImageView {
  readonly host: string;
  readonly project: string;
  /** Who signs proofs of what the project promotes. */
  readonly proof: ProofSigner | undefined;
  readonly summary: ImageSummary;
  readonly details: ImageDetails;
  /** Tag or digest of the version to open. */
  readonly reference: string | undefined;
  /** Called when the user opens a version, with its URL. */
  readonly opened: (address: string) => void;
}

/** The view of one image: its versions, newest first. */
export function showImage(view: ImageView): Shown {
  const { host, project, summary, details, reference } = view;
  const { repository, versions } = details;
  const wanted =
    versions.find(({ digest, tags }) => digest === reference || tags.includes(reference ?? "")) ??
    versions.find(({ platforms }) => platforms.some(({ digest }) => digest === reference));
  const asked = wanted?.digest === reference ? undefined : wanted?.platforms.find(({ digest }) => digest === reference);
  const latest = versions.find(({ tags }) => tags.includes(summary.latest ?? "")) ?? versions[0];
  const list = element("div", { class: "versions" });
  let target: HTMLElement | undefined;
  const fill = (shown: readonly ImageVersion[]): readonly Node[] =>
    longList(shown, list, (version) => {
      const made = versionEntry(view, version, version === wanted ? reference : undefined);
      if (version === wanted) target = made;
      return made;
    });
  const body = element(
    "div",
    {},
    ...fill(wanted === undefined ? versions : [wanted, ...versions.filter((one) => one !== wanted)]),
  );
  const order = [
    ...(asked === undefined
      ? []
      : [`${shortDigest(asked.digest)} is ${asked.platform ?? "a platform"} of this version.`]),
    ...(wanted === undefined || versions.length === 1
      ? []
      : ["The requested version comes first, then all others, newest first."]),
  ];
  return {
    title:
      wanted === undefined
        ? repository
        : `${repository}:${reference?.startsWith("sha256:") ? shortDigest(reference) : reference}`,
    target,
    content: [
      trail(link({ kind: "project", project }, project)),
      element("h1", {}, repository),
      element("p", { class: "lead" }, leadOf(versions, summary)),
      ...(reference !== undefined && wanted === undefined
        ? [
            element(
              "p",
              { class: "warning" },
              `${reference} is not in production. It may have been removed. These versions are:`,
            ),
          ]
        : []),
      ...(latest === undefined || wanted !== undefined
        ? []
        : [copyLine(imageCommands(host, repository, latest)[0]!.line, "the command that pulls it")]),
      ...(versions.length >= filterFrom
        ? [
            filterBox(versions, body, (shown) => {
              list.replaceChildren();
              body.replaceChildren(...fill(shown));
            }),
          ]
        : []),
      ...(order.length > 0 ? [element("p", { class: "order" }, order.join(" "))] : []),
      body,
    ],
  };
}

function leadOf(versions: readonly ImageVersion[], { latest }: ImageSummary): string {
  const platforms = new Set(versions.flatMap((version) => version.platforms.flatMap(({ platform }) => platform ?? [])));
  const named = platforms.size <= 3 ? [...platforms].join(", ") : formatQuantity(platforms.size, "platform");
  return [
    formatQuantity(versions.length, "version"),
    ...(latest === undefined ? [] : [`latest ${latest}`]),
    ...(named === "" ? [] : [named]),
  ].join(" \u00b7 ");
}

function filterBox(
  versions: readonly ImageVersion[],
  body: HTMLElement,
  show: (shown: readonly ImageVersion[]) => void,
): HTMLElement {
  const box = element("input", {
    type: "search",
    id: "filter",
    placeholder: "Filter versions",
    autocomplete: "off",
    spellcheck: "false",
  });
  box.addEventListener("input", () => {
    const words = box.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "");
    // The digest may be a platform's: some clients report no other.
    const fits = ({ digest, tags, platforms }: ImageVersion): boolean =>
      words.every(
        (word) =>
          digest.includes(word) ||
          tags.some((tag) => tag.toLowerCase().includes(word)) ||
          platforms.some((platform) => platform.digest.includes(word)),
      );
    const shown = versions.filter(fits);
    show(shown);
    if (shown.length === 0) body.replaceChildren(nothing("No tag or digest matches."));
  });
  return element(
    "div",
    { class: "filter" },
    element("label", { class: "unseen", for: "filter" }, "Filter versions by tag or digest"),
    box,
  );
}

/** `asked`: the tag or digest in the URL, which stays in the URL. */
function versionEntry(view: ImageView, version: ImageVersion, asked: string | undefined): HTMLDetailsElement {
  const { digest, tags } = version;
  const [name, ...more] = tags;
  const entry = element("details", {}, summaryOf(version));
  entry.addEventListener("toggle", () => {
    if (!entry.open) return;
    if (entry.children.length === 1) entry.append(insideOf(view, version, more));
    view.opened(addressOf({ kind: "image", repository: view.details.repository, reference: asked ?? name ?? digest }));
  });
  return entry;
}

function summaryOf(version: ImageVersion): HTMLElement {
  const { digest, tags, platforms, created, signatures, attestations, sboms } = version;
  const [name, ...more] = tags;
  return element(
    "summary",
    {},
    element(
      "span",
      { class: "name" },
      name ?? element("code", {}, shortDigest(digest)),
      ...(more.length > 0
        ? [
            " ",
            element("small", { "aria-hidden": "true" }, `+${more.length}`),
            unseen(`and ${formatQuantity(more.length, "more tag")}`),
          ]
        : []),
    ),
    element("code", { class: "digest" }, name === undefined ? "" : shortDigest(digest).slice("sha256:".length)),
    element("span", { class: "platforms" }, platformsInShort(platforms.flatMap(({ platform }) => platform ?? []))),
    element("span", { class: "size" }, formatSizeRange(platforms.map((platform) => platform.bytes))),
    element("span", { class: "created" }, created === undefined ? "" : formatDay(created)),
    element(
      "span",
      { class: "proofs" },
      version.verification?.isSatisfied === true && element("span", { class: "proof" }, "verified"),
      signatures.length > 0 && element("span", { class: "proof" }, "signature"),
      attestations.length > 0 && element("span", { class: "proof" }, "attestation"),
      sboms.length > 0 && element("span", { class: "proof" }, "SBOM"),
    ),
  );
}

function insideOf(
  { host, project, proof, details, reference }: ImageView,
  version: ImageVersion,
  more: readonly string[],
): HTMLElement {
  const { digest, platforms } = version;
  const { repository } = details;
  const facts = [
    fact("Digest", element("code", { class: "whole" }, digest), copyButton(digest, "the digest")),
    more.length > 0 && fact("Other tags", ...more.flatMap((tag) => [element("code", {}, tag), " "])),
    version.artifactType !== undefined && fact("Kind", element("code", {}, version.artifactType)),
    ...proofs(version),
  ].filter((one) => one !== false);
  return element(
    "div",
    { class: "inside" },
    element("dl", {}, ...facts.flat()),
    element("h2", {}, "Pull and verify"),
    commandList([
      ...imageCommands(host, repository, version),
      ...proofCommands({ host, project, repository }, version, proof),
    ]),
    ...(platforms.length > 1 || platforms.some((one) => one.digest !== digest)
      ? [element("h2", {}, "Platforms"), platformTable(platforms, reference)]
      : []),
  );
}

/** `asked`: the requested digest, which is highlighted if it is one of these. */
function platformTable(platforms: ImageVersion["platforms"], asked: string | undefined): HTMLElement {
  return element(
    "table",
    {},
    element(
      "thead",
      {},
      element("tr", {}, ...["Platform", "Download", "Digest"].map((name) => element("th", { scope: "col" }, name))),
    ),
    element(
      "tbody",
      {},
      ...platforms.map(({ platform, digest, bytes: size }) =>
        element(
          "tr",
          { class: digest === asked && "asked" },
          element("th", { scope: "row" }, platform ?? "any"),
          element("td", {}, formatSize(size)),
          element(
            "td",
            {},
            element("code", {}, shortDigest(digest)),
            " ",
            copyButton(digest, `the digest of ${platform ?? "it"}`),
          ),
        ),
      ),
    ),
  );
}

/** A short form of the platforms: the architectures if all are Linux and few, else their number. */
function platformsInShort(platforms: readonly string[]): string {
  if (platforms.length === 1) return platforms[0]!;
  const architectures = platforms.map((platform) => platform.replace(/^linux\//, ""));
  const few = platforms.length <= 3 && platforms.every((platform) => platform.startsWith("linux/"));
  return few ? architectures.join(", ") : platforms.length === 0 ? "" : formatQuantity(platforms.length, "platform");
}

function proofs({ signatures, attestations, sboms, platforms, verification }: ImageVersion): Node[][] {
  const lines = (facts: readonly Proof[]): Node[] =>
    [...Map.groupBy(facts, ({ text, more }) => JSON.stringify([text, more]))].map(([, group]) => {
      const { text, more } = group[0]!;
      const where = group
        .flatMap(({ of }) => of ?? [])
        .map((of) => platforms.find(({ digest }) => digest === of)?.platform ?? shortDigest(of));
      return element(
        "div",
        {},
        where.length === 0 ? text : `${text} (${where.join(", ")})`,
        more !== undefined && element("small", { class: "issuer" }, more),
      );
    });
  const isVerified = verification?.isSatisfied === true;
  const others = signatures.filter((one) => !isByVerified(one, verification));
  const signers = others.map((one) => ({ ...signer(one), of: one.of }));
  const attested = attestations.map(({ of, predicateType = "attestation" }) => ({ text: predicateType, of }));
  const listed = sboms.map(({ of, format }) => ({ text: format, of }));
  return [
    ...(isVerified ? [verified(verification)] : []),
    // None of this is verified: who may push to staging decides what a signature says of itself.
    ...(signers.length > 0 ? [fact("Signature", unverified(), ...lines(signers))] : []),
    ...(signers.length === 0 && !isVerified ? [fact("Signature", "none")] : []),
    ...(attested.length > 0 ? [fact("Attestation", unverified(), ...lines(attested))] : []),
    ...(listed.length > 0 ? [fact("SBOM", ...lines(listed))] : []),
  ];
}

/** What was verified when the version was listed: by whom it is signed, and which policy that satisfies. */
function verified({ policy, signers }: NonNullable<ImageVersion["verification"]>): Node[] {
  return fact(
    "Verified",
    ...signers.map((one) => element("div", {}, `signed by ${one}`)),
    element(
      "small",
      { class: "issuer" },
      "under ",
      policy.startsWith("https://")
        ? element("a", { href: policy }, "the project's trust policy")
        : "the project's trust policy",
    ),
  );
}

function unverified(): Node {
  return element("div", {}, "present, not verified");
}

/** A line about a version or one of its platforms. */
interface Proof {
  readonly text: string;
  /** In small print below it. */
  readonly more?: string | undefined;
  readonly of: string | undefined;
}

/** The signer, as far as the signature states it. */
function signer({ format, identity, issuer, logged }: SignatureSummary): Pick<Proof, "text" | "more"> {
  const unlogged = logged === false ? "not in a transparency log" : undefined;
  if (format === "notation") return { text: "with notation" };
  if (identity === undefined && issuer === undefined) return { text: "with a key", more: unlogged };
  const more = [issuer === undefined ? undefined : `says: vouched for by ${issuer}`, unlogged];
  return {
    text: identity === undefined ? "with a certificate" : `says: by ${identity}`,
    more: more.filter((part) => part !== undefined).join(", ") || undefined,
  };
}

function fact(name: string, ...values: (Node | string)[]): Node[] {
  return [element("dt", {}, name), element("dd", {}, ...values)];
}
