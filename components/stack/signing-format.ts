import { z } from "zod";

const url = (name: string) =>
  z
    .string({ error: `${name} must be a URL` })
    .regex(/^(https?:\/\/[\w.:-]+(\/[\w./-]*)?)?$/, { error: `${name} must be a URL, or empty for none` });

/** How promotions are signed, in `artifacts:signing`. */
export const signingFormat = z
  .strictObject(
    {
      by: z
        .enum(["off", "keyless", "kms", "key"], { error: "by must be off, keyless, kms or key" })
        .default("off")
        .meta({ description: "keyless: a certificate for GitHub's token; kms: a key of Cloud KMS; key: a file" }),
      keyFile: z.string({ error: "keyFile must be the path of a private key in PEM" }).default(""),
      kmsKey: z
        .string({ error: "kmsKey must be text" })
        .regex(
          /^(projects\/[^/\s]+\/locations\/[^/\s]+\/keyRings\/[^/\s]+\/cryptoKeys\/[^/\s]+\/cryptoKeyVersions\/\d+)?$/,
          {
            error:
              "kmsKey must be the full name of a key's version: projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>/cryptoKeyVersions/1",
          },
        )
        .default(""),
      fulcio: url("fulcio").default("https://fulcio.sigstore.dev"),
      rekor: url("rekor").default("https://rekor.sigstore.dev"),
      timestamps: url("timestamps").default(""),
      identity: z.string({ error: "identity must be text" }).default(""),
      issuer: z.string({ error: "issuer must be text" }).default("https://token.actions.githubusercontent.com"),
    },
    {
      error: ({ code }) =>
        `must be a map of by, keyFile, kmsKey, fulcio, rekor, timestamps, identity, issuer${code === "unrecognized_keys" ? ", and nothing else" : ""}`,
    },
  )
  .refine(({ by, keyFile }) => (by === "key") === (keyFile !== ""), {
    error: "keyFile goes with by: key, and with nothing else",
  })
  .refine(({ by, kmsKey }) => (by === "kms") === (kmsKey !== ""), {
    error: "kmsKey goes with by: kms, and with nothing else",
  })
  .refine(({ by, fulcio, rekor, timestamps }) => by !== "keyless" || (fulcio !== "" && rekor + timestamps !== ""), {
    error: "keyless needs fulcio, and rekor or timestamps, which prove when it was signed",
  });

/** How promotions are signed. */
export type StackSigning = z.output<typeof signingFormat>;
