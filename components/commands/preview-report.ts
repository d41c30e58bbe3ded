import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { runCommand, UsageError } from "./command.ts";
import { previewReport } from "./preview-comment.ts";

const usage = `Formats the output of a preview (standard input) as Markdown for a comment or an issue on GitHub (standard output).

usage: node components/commands/preview-report.ts --marker NAME --title TEXT --run-url URL < OUTPUT`;

await runCommand(usage, async (args) => {
  const { values } = parseArgs({
    args,
    options: { marker: { type: "string" }, title: { type: "string" }, "run-url": { type: "string" } },
  });
  const { marker, title, "run-url": runUrl } = values;
  if (marker === undefined || title === undefined || runUrl === undefined) {
    throw new UsageError("--marker, --title and --run-url are required");
  }
  process.stdout.write(previewReport({ marker, title, runUrl, output: await text(process.stdin) }));
  return 0;
});
