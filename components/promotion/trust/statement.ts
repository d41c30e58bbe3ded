import { hexOf } from "../text/oci-grammar.ts";
import { RefusedError } from "./refused.ts";

/** An in-toto statement (in-toto/attestation, spec/v1): what is said about which content. */
export interface Statement {
  readonly predicateType: string;
  readonly predicate: Readonly<Record<string, unknown>>;
}

/**
 * Reads the payload of a DSSE envelope that was verified.
 * @param digest `sha256:<hex>` of what the statement must be about.
 * @throws RefusedError if it is no statement, or about something else.
 */
export function readStatement(payloadType: string, payload: Buffer, digest: string): Statement {
  if (payloadType !== "application/vnd.in-toto+json")
    throw new RefusedError(`it signs content of type ${payloadType || "(none)"}, which is no in-toto statement`);
  const statement = objectOf(parse(payload));
  if (!types.has(String(statement["_type"]))) throw new RefusedError("it signs JSON that is no in-toto statement");
  const subjects = Array.isArray(statement["subject"]) ? (statement["subject"] as unknown[]).map(objectOf) : [];
  const about = subjects.map((subject) => objectOf(subject["digest"])["sha256"]);
  if (!about.includes(hexOf(digest))) {
    const what = about.find((hex) => typeof hex === "string");
    throw new RefusedError(
      `it is about ${what === undefined ? "nothing with a sha256 digest" : `sha256:${String(what)}`}`,
    );
  }
  return { predicateType: String(statement["predicateType"] ?? ""), predicate: objectOf(statement["predicate"]) };
}

const types = new Set(["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"]);

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch {
    throw new RefusedError("what it signs is not JSON");
  }
}

/** A JSON value as an object; empty if it is none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
