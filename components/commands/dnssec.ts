import { Command } from "@commander-js/extra-typings";
import { z } from "zod";
import { printable } from "../promotion/text/printable.ts";
import { cloudflareCall } from "../stack/cloudflare-call.ts";
import type { StackConfig } from "../stack/config.ts";
import { cloudflareResponse, parsedResponse } from "./cloudflare-response.ts";
import { CommandError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { useLocalStack } from "./local-stack.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { stackConfig } from "./stack-config.ts";

/** `artifacts dnssec`. */
export const dnssecCommand = new Command("dnssec")
  .summary("say whether the zone's signatures count, and which DS record the registrar lacks")
  .description(
    "Asks Cloudflare, with CLOUDFLARE_API_TOKEN, about the zone that a stack with artifacts:dnssec signs. Exit code 3: pending, the registrar does not have the DS record yet; 1: the zone is not signed, or there is no answer.",
  )
  .option("--stack <name>", "the stack; local is the running rehearsal", "prod")
  .option("--config-file <file>", "its file, where it is not Pulumi.NAME.yaml")
  .option(
    "--json",
    "one JSON document: {signed, status, ds}; signed: the stack signs the zone; the others are Cloudflare's",
  )
  .action(async (values) => {
    const local = await useLocalStack(values.stack);
    const config = await stackConfig(values.stack, values.configFile ?? local?.config);
    if (!signsZone(config)) {
      printJson({ signed: false });
      printResult("this stack does not sign the zone (artifacts:dnssec)");
      return;
    }
    const answer = await zoneSignatures(config);
    printJson({ signed: true, ...answer });
    const { line, next, code } = dnssecReport(answer, values.stack);
    printResult(line);
    for (const one of next) printNote(`next: ${one}`);
    process.exitCode = code;
  });

/** Whether a stack signs its zone. */
export function signsZone({ dnssec, dns }: Pick<StackConfig, "dnssec" | "dns">): boolean {
  return dnssec && dns.dns === "cloudflare";
}

/** What Cloudflare says of a zone's signatures (API v4, "DNSSEC Details"). */
export interface DnssecResponse {
  readonly status: string;
  /** The DS record, in the form of a zone file; null while the zone has no keys. */
  readonly ds?: string | null | undefined;
}

/** What it means, what to do, and the command's exit code. */
export function dnssecReport(
  { status, ds }: DnssecResponse,
  stack: string,
): { readonly line: string; readonly next: readonly string[]; readonly code: number } {
  const record = printable(ds ?? "", 500);
  switch (status) {
    case "active":
      return {
        line: `active: the zone is signed, and the registrar has its DS record ${record}`,
        next: [],
        code: exitCodes.ok,
      };
    case "pending":
      return {
        line: `pending: the zone is signed, and the registrar does not have its DS record yet: ${record}`,
        next: [
          "enter the DS record at the registrar of the domain; Cloudflare looks for it every hour or so",
          `npx artifacts dnssec --stack ${stack}: until it says active, the comparison each night leaves the signatures out`,
        ],
        code: exitCodes.differs,
      };
    default:
      return {
        line: `${printable(status, 40)}: the zone is not signed, though artifacts:dnssec is true`,
        next: [
          "while the registrar has a DS record of the zone, delete it there: resolvers that validate refuse every name of the domain",
          `pulumi up --refresh --stack ${stack}: signs the zone again`,
        ],
        code: exitCodes.error,
      };
  }
}

const answerSchema = z.object({ result: z.object({ status: z.string(), ds: z.string().nullish() }) });

/** Asks Cloudflare, with CLOUDFLARE_API_TOKEN, for the signatures of the zone that a stack signs. @throws CommandError without an answer. */
export async function zoneSignatures({
  dns,
  cloudflareEndpoint,
}: Pick<StackConfig, "dns" | "cloudflareEndpoint">): Promise<DnssecResponse> {
  const call = cloudflareCall(cloudflareEndpoint, `zones/${dns.zoneId}/dnssec`);
  const text = await cloudflareResponse(call, "read this zone's DNS");
  const { success, data } = answerSchema.safeParse(parsedResponse(text));
  if (!success) throw new CommandError(`${call.address} answers without the state of DNSSEC: ${printable(text, 200)}`);
  return data.result;
}
