import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { parse, YAMLParseError } from "yaml";
import type { z } from "zod";
import { CommandError } from "./command.ts";
import { type CostRow, costRows, costTotal, priceList, trafficFile } from "./cost-model.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { stackConfig } from "./stack-config.ts";
import { textTable } from "./text-table.ts";

/** `artifacts cost`. */
export const costCommand = new Command("cost")
  .summary("estimate what a stack costs in a month")
  .description(
    `Estimates what a stack costs in a month, by component and region, at list prices: at rest, for each TB that clients receive and each million
requests, and for a traffic of yours. A traffic file is YAML; every key may be left out:

  imagesGB: 50          # that each image mirror, and the layers in each bucket in AWS, hold
  filesGB: 20           # that each file mirror holds
  stagingGB: 10         # in all staging areas
  egressTB:             # that clients receive in a month, by region, or by name of an image store
    us-central1: 3
  otherEgressTB: 2      # shared by the regions that are not named
  cdnHits: 0.9          # of the bytes that a CDN of artifacts:cloudCdn sends, what it has already
  millionRequests: 40   # to the redirector, in a month`,
  )
  .option("--stack <name>", "the stack, whose config is Pulumi.NAME.yaml", "prod")
  .option("--config-file <file>", "its file, where it is another one")
  .option("--traffic <file>", "amounts stored and sent in a month")
  .option("--prices <file>", "other prices than the repository's, in the form of components/commands/prices.yaml")
  .option("--all", "a row for each region, also where there are many alike")
  .option(
    "--json",
    "one JSON document: {date, rows: [{component, where, atRest, perTB, perMillionRequests, month}], atRest, month, table: {head, rows, note}}; table: as it is printed",
  )
  .action(async (values) => {
    const file = values.configFile ?? `Pulumi.${values.stack}.yaml`;
    const config = await stackConfig(values.stack, file);
    const prices = await readYaml(values.prices ?? join(import.meta.dirname, "prices.yaml"), priceList);
    const traffic = values.traffic === undefined ? trafficFile.parse({}) : await readYaml(values.traffic, trafficFile);
    const { gcpRegions, awsRegions, imageStores } = config;
    const regions = [...gcpRegions, ...awsRegions, ...imageStores].map(({ name }) => name);
    const unknown = Object.keys(traffic.egressTB).filter((name) => !regions.includes(name));
    if (unknown.length > 0)
      throw new CommandError(
        `${values.traffic}: egressTB: ${file} has no region ${unknown.join(", ")}; it has ${regions.join(", ")}`,
      );
    const rows = costRows(config, traffic, prices);
    const total = costTotal(rows);
    const head = ["COMPONENT", "WHERE", "AT REST", "PER TB", "PER MILLION REQUESTS", "A MONTH"];
    const shown = values.all === true ? rows : alike(rows);
    const body = shown.map((row) => [
      row.component,
      row.where,
      ...[row.atRest, row.perTB, row.perMillionRequests, row.month].map(dollars),
    ]);
    const last = ["total", "", dollars(total.atRest), "", "", dollars(total.month)];
    for (const line of textTable([head, ...body, last], { right: [2, 3, 4, 5] })) printResult(line);
    const note = `USD a month at list prices of ${prices.date} (${values.prices ?? "components/commands/prices.yaml"}), for ${traffic.imagesGB} GB of images and ${traffic.filesGB} GB of files in each mirror${values.traffic === undefined ? "; --traffic FILE takes your amounts" : ""}.`;
    printNote(note);
    printJson({ date: prices.date, rows, ...total, table: { head, rows: [...body, last], note } });
  });

/** Rows of one component that are alike but for their region, as one whose amounts are their sum; prices stay those of one. */
function alike(rows: readonly CostRow[]): CostRow[] {
  const groups = Map.groupBy(rows, ({ component, atRest, perTB, perMillionRequests, month }) =>
    JSON.stringify([component, atRest, perTB, perMillionRequests, month]),
  );
  return [...groups.values()].map((group) => {
    const [first] = group as [CostRow];
    if (group.length === 1) return first;
    const sum = (of: "atRest" | "month") => group.reduce((total, row) => total + row[of], 0);
    return { ...first, where: `${group.length} regions`, atRest: sum("atRest"), month: sum("month") };
  });
}

function dollars(amount: number | undefined): string {
  return amount === undefined
    ? ""
    : amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** Reads a YAML file. Throws CommandError with each mistake, by its key. */
async function readYaml<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.infer<Schema>> {
  let document: unknown;
  try {
    document = parse(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new CommandError(`there is no ${file}`);
    if (error instanceof YAMLParseError) throw new CommandError(`${file}: ${error.message}`);
    throw error;
  }
  const read = schema.safeParse(document ?? {});
  if (read.success) return read.data;
  const lines = read.error.issues.map(
    ({ path, message }) => `${file}: ${path.join(".")}${path.length > 0 ? ": " : ""}${message}`,
  );
  throw new CommandError(lines.join("\n"));
}
