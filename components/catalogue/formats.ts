import { z } from "zod";

/**
 * The formats of the catalogue's documents, which every file mirror holds below `catalog/`. This is the only definition: the writer builds
 * these types, the reader of earlier documents validates with them, and `schema/` is generated from them.
 *
 * `schemaVersion` stays 1 while documents only gain members: readers must ignore unknown members.
 */
export const schemaVersion = 1;

const version = z
  .literal(schemaVersion)
  .describe("Readers ignore unknown members; a change of meaning gets a new number");
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const bytes = z.int().min(0);
const repository = z
  .string()
  .min(1)
  .describe("Name of the image below the host: pulled as <host>/<repository>:<tag> or <host>/<repository>@<digest>");
const detailsKey = z
  .string()
  .regex(/^catalog\/details\/[0-9a-f]{64}\.json$/)
  .describe("Path below the host; the digits are the SHA-256 of the document, which never changes");

const presenceKey = z.string().regex(/^catalog\/presence\/[0-9a-f]{64}\.json$/);

const platform = z
  .object({
    platform: z
      .string()
      .min(1)
      .optional()
      .describe("os/architecture[/variant]; absent if it has none, e.g. a Helm chart"),
    digest: digest.describe("Of this platform's own manifest"),
    bytes: bytes.describe("Download size: config and layers as they are stored, compressed"),
  })
  .describe("A platform for which a version can be pulled");

const attached = z
  .enum(["tag", "referrer", "index"])
  .optional()
  .describe(
    "How it is attached: by a tag (sha256-<hex>.sig, .att, .sbom), as an OCI referrer, or in the index itself (BuildKit)",
  );

const signature = z.object({
  of: digest.optional().describe("The signed digest; absent: the version itself"),
  format: z
    .enum(["cosign", "sigstore", "notation"])
    .describe("cosign: simple signing; sigstore: a bundle; notation: of the Notary Project"),
  attached,
  logged: z.boolean().optional().describe("Of cosign and sigstore: has an entry in a transparency log (Rekor)"),
  identity: z.string().optional().describe("The identity in the certificate; NOT verified. Absent: signed with a key"),
  issuer: z.string().optional().describe("The OIDC issuer that authenticated the identity"),
});

const attestation = z.object({
  of: digest.optional().describe("The digest that it describes; absent: the version itself"),
  attached,
  predicateType: z.string().optional(),
  identity: z
    .string()
    .optional()
    .describe("The identity in the certificate; NOT verified. Absent: signed with a key, or not read"),
  issuer: z.string().optional().describe("The OIDC issuer that authenticated the identity"),
  source: z.string().optional().describe("URL of the repository that was built, by the certificate; NOT verified"),
  levels: z.array(z.string()).optional().describe("Of a verification summary: what it says is verified; NOT verified"),
});

const sbom = z.object({
  of: digest.optional().describe("The digest that it describes; absent: the version itself"),
  attached,
  format: z.string().describe("A media type or an in-toto predicate type"),
});

const verification = z
  .object({
    policy: z.string().describe("URL of the project's policy under which the version was verified"),
    policySha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe("SHA-256 of the policy that holds, with what the stack adds to it"),
    isSatisfied: z.boolean().describe("Whether everything that the policy asks for is proven"),
    signers: z
      .array(z.string())
      .describe("Whose signatures were verified: identities that the policy trusts, or a trusted key"),
  })
  .describe("What was verified when the version was listed");

const imageVersion = z.object({
  digest,
  tags: z.array(z.string()).describe("The tag that best names the version comes first; may be empty"),
  mediaType: z.string().describe("Of the OCI manifest or index"),
  artifactType: z.string().optional().describe("Type of an artifact that is not a container image"),
  created: z.iso.datetime({ offset: true }).optional().describe("Time of creation according to the image"),
  platforms: z.array(platform),
  signatures: z.array(signature),
  attestations: z.array(attestation),
  sboms: z.array(sbom),
  verification: verification.optional().describe("Absent: nothing was verified"),
});

const imageDetails = z
  .object({
    schemaVersion: version,
    project: z.string(),
    repository,
    versions: z
      .array(imageVersion)
      .describe("Newest first, by their tags read as versions; versions without a tag last"),
  })
  .describe("catalog/details/<sha256>.json of an image: all its digests in production");

const releaseFile = z.object({
  path: z.string().describe("Below the host: downloaded as https://<host>/<path>"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes,
});

const releaseDetails = z
  .object({
    schemaVersion: version,
    project: z.string(),
    release: z.string().describe("The first folder of its files' paths; empty for files in none"),
    files: z.array(releaseFile),
  })
  .describe("catalog/details/<sha256>.json of a release: its files in production");

const imageSummary = z.object({
  repository,
  digests: z.int().min(1),
  latest: z.string().optional().describe("The highest tag that names a version and no pre-release"),
});

const releases = z.object({
  prefix: z.string().describe("Common prefix of the paths of all its files, below the host"),
  files: z.int().min(1),
  releases: z.int().min(1),
  latest: z.string().optional(),
});

const project = {
  name: z.string().min(1),
  description: z.string(),
  contact: z.string().optional().describe("How to reach its owners: a URL or a mail address"),
};

const releaseSummaries = z.array(z.object({ release: z.string(), files: z.int().min(1), bytes, details: detailsKey }));

const releasePart = z
  .object({ schemaVersion: version, project: z.string(), releases: releaseSummaries.describe("Newest first") })
  .describe("catalog/details/<sha256>.json of a part of a large project's releases");

const projectDocument = z
  .object({
    schemaVersion: version,
    ...project,
    images: z.array(imageSummary.extend({ details: detailsKey })),
    releases: releaseSummaries.describe("Newest first; of a large project the first of them"),
    moreReleases: z
      .array(detailsKey)
      .optional()
      .describe("Of a large project: the documents that have the other releases, in their order"),
    presence: presenceKey
      .optional()
      .describe(
        "Path below the host of the document by which redirectors know what is in the mirrors; its form may change",
      ),
    morePresence: z.array(presenceKey).optional().describe("Of a large project: the other such documents"),
    withdrawn: z
      .array(
        z.object({
          name: z
            .string()
            .min(1)
            .describe(
              "What was published below the host: <repository>@<digest>, <repository>:<tag>, or the path of a file",
            ),
          reason: z.string().describe("Why, with a CVE or URL in parentheses where the project names one"),
        }),
      )
      .optional()
      .describe("What the project took out of production on purpose; absent: nothing"),
    proof: z
      .object({
        verifier: z.string().describe("verifier.id of the verification summaries"),
        host: z.string().describe("The host in resourceUri, the names of what the summaries are about"),
        identity: z.string().optional().describe("Whom the certificates name, * standing for any characters"),
        issuer: z.string().optional().describe("The OIDC issuer that authenticates the identity"),
        key: z.string().optional().describe("The public key, as PEM; absent: certificates are used"),
        logged: z.boolean().describe("Each proof has an entry in a transparency log"),
        privateRoots: z.boolean().describe("The certificates are of a private Sigstore, whose roots users need"),
      })
      .optional()
      .describe("Who signs a verification summary and a promotion record of what is promoted; absent: nobody does"),
    staging: z
      .object({
        images: z.string().optional().describe("Images are pushed as <images>/<image>:<tag>; absent: it stages none"),
        files: z.string().optional().describe("Files are copied to gs://<files>/<path>; absent: it stages none"),
        source: z.string().describe("URL of the repository whose manifests put what is staged into production"),
      })
      .optional()
      .describe("Where the people of the project push, and nobody else can read"),
  })
  .describe("catalog/projects/<name>.json: one project's images and releases in production");

const index = z
  .object({
    schemaVersion: version,
    revision: z
      .int()
      .min(0)
      .optional()
      .describe(
        "Grows with each change of what the catalogue lists: of two mirrors, the one with the higher number is newer",
      ),
    projects: z.array(
      z.object({
        ...project,
        document: z.string().describe("Path below the host"),
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .optional()
          .describe("SHA-256 of the document; a mirror that has another one could not be written, or is being written"),
        images: z.array(imageSummary),
        files: releases.optional(),
      }),
    ),
  })
  .describe("catalog/index.json: a summary of everything in production");

const parts = (folder: "listing" | "platforms") =>
  z.array(
    z.object({
      bits: z
        .string()
        .regex(/^[01]*$/)
        .describe("The part has all lines whose hash begins with these bits; how lines are hashed may change"),
      part: z
        .string()
        .regex(new RegExp(`^catalog/${folder}/[0-9a-f]{64}\\.tsv\\.gz$`))
        .describe("Path below the host of gzipped lines; the digits are the SHA-256 of the lines, which never change"),
    }),
  );

const listing = z
  .object({
    schemaVersion: version,
    listing: parts("listing").describe("A line for each digest and each file in production"),
    platforms: parts("platforms").describe("The first digits of the platforms' digests of each version"),
  })
  .describe("catalog/listing.json: the parts of all lines");

const promotedNames = z
  .array(z.string())
  .describe(
    "The first of them: <repository>:<tag>, <repository>@<digest> or the path of a file, with invisible characters as \\u{hex}",
  );
const count = z.int().min(0);

const recentPromotion = z.object({
  time: z.iso.datetime(),
  project: z.string().min(1),
  added: promotedNames,
  changed: promotedNames,
  removed: promotedNames,
  counts: z.object({ added: count, changed: count, removed: count }).describe("How many there are, listed or not"),
});

const recent = z
  .object({ schemaVersion: version, promotions: z.array(recentPromotion).describe("Newest first") })
  .describe("catalog/recent.json: what the last promotions changed in production");

/** The formats by the names of their JSON Schemas. */
export const formats = {
  index,
  project: projectDocument,
  image: imageDetails,
  release: releaseDetails,
  releases: releasePart,
  listing,
  recent,
};

/** `catalog/index.json`. */
export type CatalogueIndex = DeepReadonly<z.output<typeof index>>;
/** One project in the index. */
export type IndexEntry = CatalogueIndex["projects"][number];
/** `catalog/projects/<name>.json`. */
export type ProjectDocument = DeepReadonly<z.output<typeof projectDocument>>;
/** `catalog/details/<sha256>.json` of an image. */
export type ImageDetails = DeepReadonly<z.output<typeof imageDetails>>;
/** One digest of an image. */
export type ImageVersion = ImageDetails["versions"][number];
/** The facts of a digest: everything but its tags. They never change. */
export type ImageFacts = Omit<ImageVersion, "tags">;
/** `catalog/details/<sha256>.json` of a release. */
export type ReleaseDetails = DeepReadonly<z.output<typeof releaseDetails>>;
/** `catalog/listing.json`. */
export type ListingDocument = DeepReadonly<z.output<typeof listing>>;
/** `catalog/recent.json`. */
export type RecentDocument = DeepReadonly<z.output<typeof recent>>;
/** What one run changed of one project. */
export type RecentPromotion = RecentDocument["promotions"][number];
/** What was taken out of production on purpose. */
export type WithdrawnItem = NonNullable<ProjectDocument["withdrawn"]>[number];
/** Where the people of a project push. */
export type StagingLocation = NonNullable<ProjectDocument["staging"]>;
/** Who signs proofs of what is promoted. */
export type ProofSigner = NonNullable<ProjectDocument["proof"]>;
/** One file. */
export type ReleaseFile = ReleaseDetails["files"][number];

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** Reads a document that an earlier run wrote; undefined if it does not match the format (a future version, or damaged). */
export function readDocument<Name extends keyof typeof formats>(
  name: Name,
  text: string,
): DeepReadonly<z.output<(typeof formats)[Name]>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const result = formats[name].safeParse(value);
  return result.success ? (result.data as DeepReadonly<z.output<(typeof formats)[Name]>>) : undefined;
}
