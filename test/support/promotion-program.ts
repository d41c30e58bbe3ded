/** A small program with promotions in it, run by the real engine with the real provider plugin. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { ensureEngine, languageHostEnvironment, toolPath } from "../../local/tools/tools.ts";
import { afterFile } from "./cleanup.ts";

const root = join(import.meta.dirname, "../..");

/** The program's resources by logical name, each after those that it depends on. */
export type DeclaredPromotions = Readonly<
  Record<string, { readonly type: "files" | "images" | "entry"; readonly args: object; readonly after?: string[] }>
>;

/** Output and exit code of a command of the CLI. */
export interface CliOutput {
  readonly code: number | null;
  /** Standard output and standard error, in order. */
  readonly output: string;
}

/** A stack of its own, in a folder of the caller's. */
export class PromotionProgram {
  readonly #folder: string;
  readonly #engine: string;
  /** The environment of its commands. */
  readonly environment: NodeJS.ProcessEnv;

  private constructor(folder: string, engine: string) {
    this.#folder = folder;
    this.#engine = engine;
    this.environment = {
      ...process.env,
      ...languageHostEnvironment(),
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
      PULUMI_HOME: join(folder, "home"),
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}?metadata=skip`,
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  }

  /** Makes the program and its stack in a folder that does not exist yet. */
  static async make(folder: string): Promise<PromotionProgram> {
    await ensureEngine(() => {});
    const program = new PromotionProgram(folder, await toolPath("pulumi"));
    await mkdir(join(folder, "state"), { recursive: true });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const promotion = join(root, "components/promotion");
    const preload = join(root, "components/stack/sdk-preload.ts");
    const settings = {
      name: "promotions",
      main: "index.ts",
      // As in Pulumi.yaml: stacks of calls, and what the SDK loads for others, are half of a short program's time.
      runtime: {
        name: "nodejs",
        options: { typescript: false, nodeargs: `--stack-trace-limit=0 --import ${preload}` },
      },
      plugins: { providers: [{ name: "promotion", path: join(promotion, "provider"), version: "0.1.0" }] },
    };
    await writeFile(join(folder, "Pulumi.yaml"), JSON.stringify(settings)); // JSON is YAML
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    await writeFile(
      join(folder, "index.ts"),
      `import { readFileSync } from "node:fs";
import { CatalogueEntry } from "${promotion}/resources/catalogue-entry.ts";
import { PromotedFiles } from "${promotion}/resources/promoted-files.ts";
import { PromotedImages } from "${promotion}/resources/promoted-images.ts";

const types = { files: PromotedFiles, images: PromotedImages, entry: CatalogueEntry };
const made = {};
for (const [name, { type, args, after = [] }] of Object.entries(JSON.parse(readFileSync("declared.json", "utf8"))))
  made[name] = new types[type](name, args, { dependsOn: after.map((other) => made[other]) });
`,
    );
    await program.declare({});
    const { code, output } = await program.run("stack", "init", "test");
    if (code !== 0) throw new Error(output);
    return program;
  }

  /** Changes what the program declares. */
  async declare(declared: DeclaredPromotions): Promise<void> {
    await writeFile(join(this.#folder, "declared.json"), JSON.stringify(declared));
  }

  /** The outputs of a resource, by its logical name, as the state has them. */
  async recorded(name: string): Promise<Readonly<Record<string, unknown>>> {
    const { code, output } = await this.run("stack", "export");
    if (code !== 0) throw new Error(output);
    const { deployment } = JSON.parse(output.slice(output.indexOf("{"))) as {
      deployment: { resources: { urn: string; outputs?: Record<string, unknown> }[] };
    };
    return deployment.resources.find(({ urn }) => urn.endsWith(`::${name}`))?.outputs ?? {};
  }

  /** Runs a command of the CLI to its end. */
  async run(...args: string[]): Promise<CliOutput> {
    return await this.start(...args).ended;
  }

  /** Starts a command of the CLI, as the leader of a process group of its own. */
  start(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<CliOutput> } {
    const quiet = ["preview", "up", "refresh", "destroy"].includes(args[0] ?? "") ? ["--suppress-progress"] : [];
    const child = spawn(this.#engine, [...args, "--non-interactive", "--color", "never", ...quiet], {
      cwd: this.#folder,
      env: this.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    afterFile(() => child.kill("SIGKILL"));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk;
      });
    }
    return { child, ended: once(child, "close").then(([code]: (number | null)[]) => ({ code: code ?? null, output })) };
  }
}
