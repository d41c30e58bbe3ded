import { text } from "node:stream/consumers";
import { Command } from "@commander-js/extra-typings";
import { printRaw } from "./output.ts";
import { reportIssue } from "./preview-comment.ts";

/** `artifacts preview-report`. */
export const previewReportCommand = new Command("preview-report")
  .summary("format a preview as Markdown (for the workflows)")
  .description("Formats the output of a preview (standard input) as Markdown for an issue on GitHub (standard output).")
  .requiredOption("--marker <name>", "how a later report finds this one")
  .requiredOption("--title <text>", "its heading")
  .requiredOption("--run-url <url>", "where the whole output is")
  .action(async ({ marker, title, runUrl }) => {
    printRaw(reportIssue({ marker, title, runUrl, details: [{ heading: title, text: await text(process.stdin) }] }));
  });
