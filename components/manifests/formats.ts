import { z } from "zod";
import { approverPattern } from "../stack/approver.ts";
import { regionGroupPattern } from "../stack/region-group-name.ts";
import { trustFormat } from "../stack/trust-format.ts";
import { fileError, fileGlobPattern, filePattern, isFilePath, sharedFilePattern } from "./file-names.ts";
import {
  artifactTypePattern,
  digestFault,
  digestPattern,
  groupPattern,
  imageFault,
  imagePattern,
  projectPattern,
  repositoryPattern,
  sha256Fault,
  sha256Pattern,
  sharedImagePattern,
  tagFault,
  tagGlobPattern,
  tagPattern,
} from "./names.ts";
import { oddCharacter } from "./odd-character.ts";
import { quoted } from "./problem.ts";
import { releaseRefs, releaseWorkflowFile } from "./release-builds.ts";

// The one definition of the three files: the reader validates with it, schema.ts derives the editors' JSON Schemas
// from it. Its input is the YAML with every scalar as its source text (null for an empty one), so numbers and
// booleans are codecs from text; its output is what the JSON Schemas describe. Rules across several values are in the
// readers.

/** What to write for a missing key. */
const examples: Readonly<Record<string, string>> = {
  description: "`description: what the project is`",
  owners: "`owners: {group: team@example.org}`",
  group: "`group: team@example.org`",
  staging: "`staging: {images: true}` (or `files: true`)",
  name: "`name: ` and its name",
  id: "`id: ` and the repository's number (gh api repos/OWNER/NAME --jq .id)",
  dmap: "`dmap: ` and below it a digest with its tags",
  images: "`images: []`",
  files: "`files: []`",
  sha256: "`sha256: ` and its 64 hex digits",
  reason: "`reason: ` and why it is removed",
  project: "`project: ` and the name of its folder",
};

const list = "a list, one `- ` line for each";

/** Text that matches a pattern; `fault` returns the error for text that does not. */
function text(name: string, pattern: RegExp, fault: (text: string) => string) {
  return z
    .string({ error: ({ input }) => mustBe(name, "text", input) })
    .regex(pattern, { error: ({ input }) => fault(String(input)) });
}

/** A text for people, of one line. */
function oneLine(name: string, most: number) {
  return text(name, new RegExp(String.raw`^(?=.*\S)[^\p{C}\p{Zl}\p{Zp}]{1,${most}}$`, "u"), (value) => {
    const odd = oddCharacter(value, /[^\p{C}\p{Zl}\p{Zp}]/u);
    return `${name} must be one line of 1 to ${most} characters${odd === undefined ? "" : `, without ${odd}`}`;
  });
}

/** A file's path. Its pattern is for editors: what it lets through may still be wrong, and the message is the same. */
function fileText(name: string) {
  const error = ({ input }: { input: unknown }) => fileError(String(input)) ?? `${name} is no path`;
  return z
    .string({ error: ({ input }) => mustBe(name, "text", input) })
    .regex(filePattern, { error, abort: true })
    .refine(isFilePath, { error });
}

function projectName(name: string) {
  return text(
    name,
    projectPattern,
    (value) => `project ${quoted(value)} is not a project's name: write the name of its folder`,
  );
}

function mustBe(name: string, what: string, input: unknown): string {
  if (input === undefined) return `\`${name}\` is required: add ${examples[name] ?? "it"}`;
  if (input === null) return `${name} is empty or null: it must be ${what}`;
  const got = Array.isArray(input) ? "a list" : typeof input === "object" ? "a map" : quoted(String(input));
  return `${name} must be ${what}, not ${got}`;
}

function listOf<Item extends z.ZodType>(name: string, item: Item, what = list) {
  return z.array(item, { error: ({ input }) => mustBe(name, what, input) });
}

function mapOf<Shape extends z.ZodRawShape>(name: string, shape: Shape, what = "a map of keys and values") {
  // For unknown keys the message is the list of known ones: validate.ts reports each unknown key at its position,
  // with a suggestion.
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? known : mustBe(name, what, issue.input)),
  });
}

function flag(name: string) {
  const error = ({ input }: { input?: unknown }) => mustBe(name, "true or false", input);
  return z.codec(z.string({ error }).regex(/^(true|false)$/, { error }), z.boolean(), {
    decode: (value) => value === "true",
    encode: String,
  });
}

function number(name: string, what: string, minimum: number, maximum: number, whole: boolean) {
  const error = ({ input }: { input?: unknown }) => mustBe(name, what, input);
  const bounded = z.number({ error }).min(minimum, { error }).max(maximum, { error });
  return z.codec(
    z.string({ error }).regex(whole ? /^[0-9]{1,9}$/ : /^[0-9]{1,9}(\.[0-9]{1,9})?$/, { error }),
    whole ? bounded.int({ error }) : bounded,
    {
      decode: Number,
      encode: String,
    },
  );
}

/** The tags of one digest. */
export const tagsFormat = z
  .array(text("a tag", tagPattern, tagFault), {
    error: ({ input }) =>
      `tags must be a list: write ${typeof input === "string" ? `[${quoted(input)}]` : '["v1.0.0"], or [] for a digest without a tag'}`,
  })
  .meta({
    description:
      'The tags of this digest: ["v1.0.0"], or [] for none. Quote them, so that no reader takes 1.10 for a number.',
  });

const image = mapOf("an image", {
  name: text("name", imagePattern, imageFault).meta({
    description: "The image's name below the project's prefixes, e.g. controller or e2e/agnhost",
  }),
  from: text("from", imagePattern, imageFault).optional().meta({
    description: "The image's repository in the project's staging area, if it has another name there (default name)",
  }),
  dmap: z
    .record(text("a digest", digestPattern, digestFault), tagsFormat, {
      error: (issue) =>
        issue.code === "invalid_type"
          ? mustBe("dmap", 'a map of digests and their tags: "sha256:…": ["v1.0.0"]', issue.input)
          : undefined,
    })
    .meta({ description: "What of the image is in production: digest and its tags, one digest a line" }),
});

const images = listOf("images", image);

/** `images.yaml` and `images/*.yaml`: a list of images, k8s.io's thin format. */
export const imagesFormat = images.meta({ title: "images.yaml: the images of a project that are in production" });

/**
 * k8s.io's plain format: `registries` next to `images`. The registries are ignored; the reader warns about them.
 */
export const plainImagesFormat = mapOf("the manifest", {
  registries: listOf(
    "registries",
    mapOf("a registry", {
      name: z.string({ error: ({ input }) => mustBe("name", "text", input) }),
      src: flag("src").optional(),
      "service-account": z.string({ error: ({ input }) => mustBe("service-account", "text", input) }).optional(),
      token: z.string({ error: ({ input }) => mustBe("token", "text", input) }).optional(),
    }),
  )
    .optional()
    .meta({ description: "As in k8s.io; ignored: where images go is in project.yaml and the stack's config" }),
  images,
});

/** Both formats of `images.yaml`. */
export const imagesFileFormat = z
  .union([imagesFormat, plainImagesFormat])
  .meta({ title: "images.yaml: the images of a project that are in production" });

/** `files.yaml` and `files/*.yaml`: the files of a project, in the format of filepromoter manifests. */
export const filesFormat = mapOf("the manifest", {
  filestores: listOf(
    "filestores",
    mapOf("a filestore", {
      base: z.string({ error: ({ input }) => mustBe("base", "text", input) }),
      src: flag("src").optional(),
      "service-account": z.string({ error: ({ input }) => mustBe("service-account", "text", input) }).optional(),
      token: z.string({ error: ({ input }) => mustBe("token", "text", input) }).optional(),
    }),
  )
    .optional()
    .meta({ description: "As in k8s.io; ignored: where files go is in project.yaml and the stack's config" }),
  files: listOf(
    "files",
    mapOf("a file", {
      name: fileText("name").meta({
        description: "The file's path in the project's staging bucket, e.g. v1.0.0/linux/amd64/tool",
      }),
      sha256: text("sha256", sha256Pattern, sha256Fault).meta({
        description: "The sha256 of its content: 64 lower-case hex digits",
      }),
    }),
  ).meta({ description: "The files that are in production" }),
}).meta({ title: "files.yaml: the files of a project that are in production" });

const prefixFault = (what: string) => (value: string) =>
  `${what} ${quoted(value)} is not a path: lower-case letters and digits, joined by one . _ / , __ or dashes; "" for the root`;
const prefixPattern = new RegExp(`${imagePattern.source}|^$`);

/** `withdrawn.yaml`: what was removed on purpose. That an entry names one thing is checked by its reader. */
export const withdrawnFormat = listOf(
  "withdrawn",
  mapOf("an entry", {
    image: text("image", imagePattern, imageFault).optional().meta({ description: "The image of the digest or tag" }),
    digest: text("digest", digestPattern, digestFault)
      .optional()
      .meta({ description: "The digest that is withdrawn, with all its tags" }),
    tag: text("tag", tagPattern, tagFault).optional().meta({ description: "The tag that is withdrawn" }),
    file: fileText("file").optional().meta({ description: "The path of the file that is withdrawn" }),
    reason: oneLine("reason", 300).meta({ description: "Why it is removed from production" }),
    reference: text(
      "reference",
      /^(?:CVE-[0-9]{4}-[0-9]{4,19}|GHSA(?:-[a-z0-9]{4}){3}|https:\/\/[A-Za-z0-9.-]+(?:\/[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*)?)$/,
      (value) => `reference ${quoted(value)} is not a CVE, a GHSA or an https URL`,
    )
      .optional()
      .meta({ description: "CVE-..., GHSA-... or an https URL" }),
  }),
).meta({ title: "withdrawn.yaml: what was removed from production on purpose" });

const sharedFault = (what: string) => (value: string) =>
  `${what} ${quoted(value)} is not a name that can be shared: a name, "folder/*" for all below a folder, or "*" for all`;

const share = mapOf("a share", {
  project: projectName("project").meta({ description: "The project that may publish them" }),
  images: listOf("images", text("an image", sharedImagePattern, sharedFault("image")), 'a list of names: ["etcd"]')
    .optional()
    .meta({ description: "Images below this project's image prefixes: name, folder/* or *" }),
  files: listOf("files", text("a file", sharedFilePattern, sharedFault("file")), 'a list of paths: ["plugins/*"]')
    .optional()
    .meta({ description: "Files below this project's file prefixes: path, folder/* or *" }),
});

const releaseBuilds = z.strictObject(
  {
    name: text(
      "name",
      repositoryPattern,
      (value) => `repository ${quoted(value)} is not a GitHub repository: write owner/name`,
    ).meta({ description: "owner/name" }),
    id: text(
      "id",
      /^[1-9][0-9]{0,18}$/,
      (value) => `id ${quoted(value)} is not a repository's number: gh api repos/OWNER/NAME --jq .id prints it`,
    ).meta({ description: "The repository's number at GitHub: gh api repos/OWNER/NAME --jq .id" }),
    workflow: text(
      "workflow",
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.ya?ml$/,
      (value) =>
        `workflow ${quoted(value)} is not the name of a file in .github/workflows: write ${releaseWorkflowFile}`,
    )
      .optional()
      .meta({ description: `The file in .github/workflows that pushes (default ${releaseWorkflowFile})` }),
    refs: listOf(
      "refs",
      z.enum(releaseRefs, { error: ({ input }) => `refs: ${quoted(String(input))} is neither tags nor branches` }),
      "a list: [tags], or [tags, branches]",
    )
      .optional()
      .meta({
        description: "What it pushes for: tags (default), and branches, which are main, master and release-*",
      }),
  },
  {
    error: (issue) => {
      if (issue.code === "unrecognized_keys") return "name, id, workflow, refs";
      if (typeof issue.input !== "string") return mustBe("a repository", "a map of name and id", issue.input);
      return `repository ${quoted(issue.input)} is known by its name alone, which can change hands: write {name: owner/name, id: NUMBER}; gh api repos/OWNER/NAME --jq .id prints the number`;
    },
  },
);

/** `project.yaml`: a project's owners, staging areas and settings. */
export const projectFormat = mapOf("project.yaml", {
  description: oneLine("description", 500).meta({ description: "What the project is, for people" }),
  owners: mapOf("owners", {
    group: text(
      "group",
      groupPattern,
      (value) => `group ${quoted(value)} is not a mail address: write the address of the group that owns the project`,
    ).meta({
      description: "Mail address of the group whose members may push to the project's staging area",
    }),
    repositories: listOf("repositories", releaseBuilds, "a list of repositories, each with name and id")
      .optional()
      .meta({
        description: "GitHub repositories whose release builds may push to the staging area, by OIDC, without keys",
      }),
  }).meta({ description: "Who may push to the project's staging area" }),
  approvers: listOf(
    "approvers",
    text(
      "an approver",
      approverPattern,
      (value) =>
        `approver ${quoted(value)} is not a GitHub user or team: write a login, or organization/team (its slug), without @`,
    ),
    "a list of GitHub users and teams: [octocat, octo-org/release-team]",
  )
    .optional()
    .meta({
      description:
        "GitHub users and teams (organization/team) that approve changes of this folder (default: the stack's approvers)",
    }),
  contact: oneLine("contact", 200)
    .optional()
    .meta({ description: "Where to ask about the project: a channel, an address, a URL" }),
  staging: mapOf("staging", {
    images: flag("images").optional().meta({ description: "A registry repository for its images (default false)" }),
    files: flag("files").optional().meta({ description: "A bucket for its files (default false)" }),
    filesFolder: fileText("filesFolder")
      .optional()
      .meta({ description: "The folder of the bucket that its files are staged in, e.g. releases (default the root)" }),
    project: projectName("project").optional().meta({
      description:
        "The project whose staging area holds this one's artifacts too, by its staging.sharedWith (default: an area of its own)",
    }),
    sharedWith: listOf("sharedWith", projectName("a project"), 'a list of projects: ["kwok"]')
      .optional()
      .meta({ description: "Projects that may publish what lies in this staging area (default none)" }),
    retentionDays: number("retentionDays", "a whole number of days from 1 to 3650", 1, 3650, true)
      .optional()
      .meta({ description: "Days after which what lies in staging expires (default 90); what is in production stays" }),
  }).meta({ description: "Which staging areas the project gets" }),
  imagePrefix: text("imagePrefix", prefixPattern, prefixFault("imagePrefix"))
    .optional()
    .meta({ description: 'Where its images appear: <prefix>/<image> (default the project\'s name; "" for the root)' }),
  imagePrefixes: listOf(
    "imagePrefixes",
    text("imagePrefixes", prefixPattern, prefixFault("imagePrefixes")),
    'a list of paths: ["", tool]',
  )
    .min(1, { error: "imagePrefixes is empty: name a prefix, or remove it for the project's name" })
    .optional()
    .meta({
      description:
        "Instead of imagePrefix: several prefixes, below each of which all of its images appear; the first is the main one and stays first",
    }),
  filePrefix: text("filePrefix", prefixPattern, prefixFault("filePrefix")).optional().meta({
    description: 'Where its files appear: binaries/<prefix>/<path> (default the project\'s name; "" for the root)',
  }),
  shares: listOf("shares", share).optional().meta({
    description: "Names below this project's prefixes that other projects may publish (default none)",
  }),
  regions: listOf(
    "regions",
    text(
      "a group",
      regionGroupPattern,
      (value) => `group ${quoted(value)} is not the name of a group of regions: write e.g. us or europe`,
    ),
    "a list of groups of regions: [us, europe]",
  )
    .min(1, { error: "regions is empty: name a group, or remove it for all regions" })
    .optional()
    .meta({
      description:
        "Groups of regions whose mirrors have the project (default all); the canonical mirrors always have everything",
    }),
  trust: trustFormat
    .optional()
    .meta({ description: "What must be proven of its images before they are promoted (default: the stack's policy)" }),
  attachments: mapOf("attachments", {
    artifactTypes: listOf(
      "artifactTypes",
      text(
        "an artifact type",
        artifactTypePattern,
        (value) => `artifact type ${quoted(value)} is not a media type: write e.g. application/vnd.example.report`,
      ),
      'a list of media types: ["application/vnd.example.report"]',
    )
      .optional()
      .meta({
        description:
          "Artifact types that may be attached to its images, beside signatures, attestations and SBOMs (default none)",
      }),
    megabytes: number("megabytes", "a whole number of megabytes from 1 to 1024", 1, 1024, true)
      .optional()
      .meta({ description: "Size that one attachment may have, in MiB (default 64)" }),
  })
    .optional()
    .meta({ description: "What may be attached to its images" }),
  mutableTags: listOf(
    "mutableTags",
    text(
      "a pattern",
      tagGlobPattern,
      (value) =>
        `pattern ${quoted(value)} is not a pattern of tags: a tag in which * stands for any characters, e.g. "v*-dev"`,
    ),
    'a list of patterns: ["latest"]',
  )
    .optional()
    .meta({ description: "Tags that may move to another digest, * standing for any characters (default none)" }),
  mutableFiles: listOf(
    "mutableFiles",
    text(
      "a pattern",
      fileGlobPattern,
      (value) =>
        `pattern ${quoted(value)} is not a pattern of files: a path in which * stands for any characters, e.g. "*/latest.txt"`,
    ),
    'a list of patterns: ["stable.txt"]',
  )
    .optional()
    .meta({
      description:
        "Files that may get other content at the same path, * standing for any characters, slashes too (default none)",
    }),
  removalShare: number("removalShare", "a share from 0 to 1, e.g. 0.5", 0, 1, false)
    .optional()
    .meta({ description: "The share of what the project has in production that one run may remove (default 0.5)" }),
}).meta({ title: "project.yaml: a project, its owners and its staging area" });
