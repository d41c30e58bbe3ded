/** The two kinds of promotion, as the provider sees them: their inputs, and the engine that carries them out. */
import { z } from "zod";
import type { Promotion } from "../run/engine.ts";
import { type MirrorKind, readMirrorLines } from "../run/mirror-lines.ts";
import type { FilesRequest, ImagesRequest } from "../run/request.ts";

/** A request of either kind. */
export type AnyRequest = ImagesRequest | FilesRequest;

/** One kind of promotion. Its operations accept only requests of its own schema. */
export interface Kind<Request = AnyRequest> {
  /** Name of the input that has the wanted lines. */
  readonly text: "images" | "files";
  /** Shape of the inputs. */
  readonly schema: z.ZodType<Request>;
  /** Loaded on first use, so that a plugin that has nothing to do starts fast. */
  load(): Promise<Promotion<Request>>;
}

/** The kind of a resource type token. Throws if there is none. */
export function kindOf(type: string): Kind {
  const kind = kinds[type];
  if (kind === undefined) throw new Error(`the promotion provider has no resource type ${type}`);
  return kind as unknown as Kind; // of either kind: its operations and its schema belong together
}

/** Where the object stores answer, among the inputs of a resource. */
export const storageSchema = z.strictObject({
  gcsEndpoint: z.string().optional(),
  s3Endpoint: z.string().optional(),
  s3UsePathStyle: z.boolean().optional(),
  purges: z
    .array(
      z.strictObject({
        kind: z.enum(["gcs", "s3"]),
        bucket: z.string(),
        region: z.string(),
        endpoint: z.string().optional(),
        keys: z.string().optional(),
        url: z.string(),
        by: z.enum(["cloudflare", "google", "http"]),
        api: z.string().optional(),
        token: z.string().optional(),
      }),
    )
    .optional(),
});

const common = {
  project: z.string().min(1),
  prefix: z.string(), // "" = the root
  staging: z.string(),
  removalShare: z.number().min(0).max(1),
  fillAbove: z.int().positive().optional(),
  fillBucket: z.string().min(1).optional(),
  departureSeconds: z.number().min(0).optional(),
  withdrawn: z.string().optional(),
  storage: storageSchema,
};

/** The file mirrors too, which hold the catalogue. */
export const fileMirrorsSchema = mirrors(
  "files",
  z.object({
    name: z.string().min(1),
    kind: z.enum(["gcs", "s3"]),
    bucket: z.string().min(1),
    region: z.string().min(1),
  }),
);

const imageMirrorsSchema = mirrors("images", z.object({ name: z.string().min(1), repository: z.string().min(1) }));

const layerMirrorsSchema = mirrors(
  "layers",
  z.object({ name: z.string().min(1), bucket: z.string().min(1), region: z.string().min(1) }),
);

/** A text of mirrors, as the program declares them. (States of earlier versions have lists.) */
function mirrors<Mirror>(kind: MirrorKind, mirror: z.ZodType<Mirror>) {
  return z.preprocess((value) => readMirrorLines(kind, value), z.array(mirror));
}

const texts = z.array(z.string());
/** A trust policy among the inputs of a resource. */
export const trustSchema = z.object({
  mode: z.enum(["off", "warn", "require"]),
  signers: z.array(
    z.union([
      z.strictObject({ identity: z.string(), issuer: z.string() }),
      z.strictObject({ identityPattern: z.string(), issuer: z.string() }),
      z.strictObject({ key: z.string() }),
    ]),
  ),
  provenance: z
    .object({
      builders: texts.optional(),
      sources: texts.optional(),
      refs: texts.optional(),
      buildTypes: texts.optional(),
    })
    .optional(),
  predicates: texts,
  trustedRoot: z.string(),
});

/** How promotions sign ({@link SigningSettings}). */
export const signingSchema = z.object({
  by: z.enum(["keyless", "kms", "key"]),
  key: z.string(),
  fulcio: z.string(),
  rekor: z.string(),
  timestamps: z.string(),
  identity: z.string(),
  issuer: z.string(),
  trustedRoot: z.string(),
  host: z.string(),
  repository: z.string(),
  policyFile: z.string(),
});

const images: Kind<ImagesRequest> = {
  text: "images",
  schema: z.object({
    ...common,
    images: z.string(),
    sources: z.string().optional(),
    mirrors: imageMirrorsSchema,
    layerMirrors: layerMirrorsSchema,
    unplaced: imageMirrorsSchema.optional(),
    unplacedLayers: layerMirrorsSchema.optional(),
    mutableTags: z.array(z.string()),
    trust: trustSchema.optional(),
    signing: signingSchema.optional(),
    attachments: z.object({ artifactTypes: z.array(z.string()), bytes: z.number().positive() }).optional(),
    catalogue: fileMirrorsSchema.optional(),
  }),
  load: async () => {
    const { sharedImagePromotion } = await import("../images/images.ts");
    return sharedImagePromotion();
  },
};

const files: Kind<FilesRequest> = {
  text: "files",
  schema: z.object({
    ...common,
    files: z.string(),
    trust: trustSchema.optional(),
    signing: signingSchema.optional(),
    mutableFiles: z.array(z.string()).optional(),
    mirrors: fileMirrorsSchema,
    unplaced: fileMirrorsSchema.optional(),
  }),
  load: async () => {
    const { filePromotion } = await import("../files/files.ts");
    return filePromotion;
  },
};

const kinds: Readonly<Record<string, Kind<ImagesRequest> | Kind<FilesRequest>>> = {
  "promotion:index:PromotedImages": images,
  "promotion:index:PromotedFiles": files,
};
