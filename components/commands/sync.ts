import { parseArgs } from "node:util";
import { runCommand, UsageError } from "./command.ts";
import { interruptible } from "./interruptible.ts";
import { mirrorsNamed } from "./mirrors-named.ts";
import { readProduction } from "./production.ts";
import { filesRuns, imagesRuns, repairMirror } from "./repair.ts";
import { parseShard } from "./shard.ts";
import { traceIfAsked, traceOption, traceUsage } from "./trace-option.ts";

const usage = `Makes one mirror match the manifests, without the Pulumi engine: to repair it by hand, or to refill a lost region in parts.

usage: npm run sync -- --mirror NAME [options]
  --mirror NAME       the mirror to write to, e.g. images-us-central1, files-aws-us-east-1; the others are read only
  --project NAME      only this project (may be repeated)
  --shard I/N         only part I of N equal parts of the work; in a Cloud Run job each task takes its own part
  --dry-run           print what would be done, and do nothing
  --stack NAME        the stack, whose config is Pulumi.NAME.yaml (default prod)
  --config FILE       read the stack's config from this file instead
  --state FILE        take the mirrors' addresses from an export of the stack's state (pulumi stack export --file FILE)
  --manifests FOLDER  the folder of the projects' folders, instead of the config's
${traceUsage}

exit code: 0 the mirror matches the manifests, 1 it does not, 2 wrong usage`;

await runCommand(usage, async (args) => {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      mirror: text,
      project: { type: "string", multiple: true, default: [] as string[] },
      shard: text,
      "dry-run": { type: "boolean", default: false },
      stack: { type: "string", default: "prod" },
      config: text,
      state: text,
      manifests: text,
      trace: traceOption,
    },
  });
  traceIfAsked(values.trace);
  if (positionals.length > 0)
    throw new UsageError(`${positionals.join(" ")}: unexpected argument; name projects with --project`);
  const { mirror, stack, config, state, manifests } = values;
  if (mirror === undefined) throw new UsageError("--mirror NAME is required");
  const shard = parseShard(values.shard, process.env);
  const production = await readProduction({ stack, config, state, manifests }, values.project);
  const is = mirrorsNamed(production, [mirror]);
  const repair = values["dry-run"] ? "say" : "do";
  let failures = 0;
  await interruptible(async (signal) => {
    for (const request of production.images) {
      if (![...request.mirrors, ...request.layerMirrors].some(({ name }) => is(name))) continue;
      failures += await repairMirror(mirror, repair, shard, request, imagesRuns, signal);
    }
    for (const request of production.files) {
      if (!request.mirrors.some(({ name }) => is(name))) continue;
      failures += await repairMirror(mirror, repair, shard, request, filesRuns, signal);
    }
  });
  return failures === 0 ? 0 : 1;
});
