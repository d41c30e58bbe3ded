/**
 * Which room may import from which, as rules of dependency-cruiser. test/house/imports.test.ts applies them to the tree and proves that each
 * one is violated by an import that it forbids.
 */

/** A rule: an import from a path that matches `from` to a path that matches `to` is an error. */
export interface ImportRule {
  readonly name: string;
  /** Why the rule exists; shown to whoever violates it. */
  readonly comment: string;
  readonly severity: "error";
  readonly from: { readonly path?: string; readonly pathNot?: string };
  readonly to: {
    readonly path?: string;
    readonly pathNot?: string;
    readonly circular?: boolean;
    readonly viaOnly?: { readonly dependencyTypesNot: string[] };
  };
}

/** The rooms of a folder from the bottom up. A room imports from the lines above its own, and from no other room of its line. */
interface Order {
  /** Begins the names of the rules. */
  readonly name: string;
  readonly folder: string;
  /** A folder (`http1`) or a file (`app.ts`). */
  readonly rooms: readonly (readonly string[])[];
}

const orders: readonly Order[] = [
  {
    name: "components",
    folder: "components",
    rooms: [
      ["plugin", "catalogue"],
      ["stack"],
      ["manifests"],
      ["promotion"],
      ["identities", "staging", "mirrors", "monitoring", "adoption"],
      ["serving"],
      ["commands"],
    ],
  },
  {
    name: "promotion",
    folder: "components/promotion",
    rooms: [
      ["text"],
      ["trust"],
      ["http"],
      ["run"],
      ["oci", "storage"],
      ["bucket-registry", "blobs"],
      ["images", "files"],
      ["unmanaged", "catalogue"],
      ["provider"],
    ],
  },
  {
    name: "redirector",
    folder: "redirector",
    rooms: [
      ["config.ts", "object-paths.ts"],
      ["http1"],
      ["client"],
      ["cloud-ranges", "mirrors"],
      ["routing"],
      ["telemetry", "catalogue"],
      ["app.ts"],
      ["main.ts", "build.ts"],
    ],
  },
];

/** For people: every room of components may print with it. */
const text = "components/promotion/text/";

const single: readonly ImportRule[] = [
  forbidden(
    "promotion-runs-without-pulumi",
    "It must run from a script, a test or a Cloud Run job; only the declared resources and the provider know Pulumi and the stack.",
    { path: "^components/promotion/", pathNot: "^components/promotion/(resources|provider)/" },
    { path: "node_modules/@pulumi/|^components/(plugin|stack|promotion/resources)/" },
  ),
  forbidden(
    "resources-only-declare",
    "The program loads them for every project: they know the shape of a request and Pulumi, and none of the work.",
    { path: "^components/promotion/resources/" },
    { path: "^(components|redirector|local|test|index\\.ts)", pathNot: "^components/promotion/(resources|run)/" },
  ),
  forbidden(
    "the-program-declares-promotions",
    "The program says what is wanted; the plugin does the work. Requests and their lines (run) are the shape in which it says so.",
    { path: "^(index\\.ts|components/(identities|staging|mirrors|monitoring|adoption|serving)/)" },
    { path: "^components/promotion/", pathNot: "^components/promotion/(resources|run|text)/" },
  ),
  forbidden(
    "manifests-know-no-pulumi",
    "Validation runs without cloud and engine.",
    { path: "^components/manifests/" },
    { path: "node_modules/@pulumi/" },
  ),
  forbidden(
    "the-catalogue-is-pure",
    "Its documents are made from values; what reads registries and writes buckets is in components/promotion/catalogue.",
    { path: "^components/catalogue/" },
    {
      path: `^(redirector/(?!(object-paths|presence-format)\\.ts$)|local|test|index\\.ts|${text})|node_modules/@pulumi/`,
    },
  ),
  forbidden(
    "redirector-stands-alone",
    "It is a program of its own, deployed as one file.",
    { path: "^redirector/" },
    { path: "^(components|local|test|index\\.ts)" },
  ),
  forbidden(
    "one-contract-with-the-redirector",
    "redirector/config.ts, object-paths.ts and presence-format.ts are the only files of the redirector that the program may know.",
    { path: "^(components|index\\.ts)" },
    { path: "^redirector/", pathNot: "^redirector/(config|object-paths|presence-format)\\.ts$" },
  ),
  forbidden(
    "nobody-needs-the-rehearsal",
    "There is no `if (local)` in the program.",
    { path: "^(components|redirector|index\\.ts)" },
    { path: "^(local|test)/" },
  ),
  forbidden(
    "the-rehearsal-speaks-the-clouds-interfaces",
    "It proves the program's wiring only if it shares nothing with it but the provider protocol.",
    { path: "^local/" },
    { path: "^(components|redirector|test|index\\.ts)", pathNot: "^components/plugin/" },
  ),
  forbidden(
    "tests-share-support-only",
    "What two folders of tests need is in test/support; a folder of tests can be read and run alone.",
    { path: "^test/([^/]+)/" },
    { path: "^test/[^/]+/", pathNot: "^test/($1|support)/" },
  ),
  forbidden(
    "support-is-no-test",
    "What tests share is used by tests, and by nothing that they test.",
    { path: "^test/support/" },
    { path: "\\.test\\.ts$" },
  ),
  forbidden(
    "no-cycles",
    "Two files that need each other, for a type or a value, are one file or three.",
    {},
    {
      circular: true,
    },
  ),
];

/** All rules. */
export const importRules: readonly ImportRule[] = [...orders.flatMap(inOrder), ...single];

/** A rule for each room that anything is forbidden to: `redirector/http1`. */
function inOrder({ name, folder, rooms }: Order): ImportRule[] {
  return rooms.flatMap((line, level) =>
    line.flatMap((room) => {
      const others = rooms
        .slice(level)
        .flat()
        .filter((other) => other !== room);
      if (others.length === 0) return [];
      return forbidden(
        `${name}/${room}`,
        `The rooms of ${folder}/ from the bottom up: ${rooms.map((each) => each.join("|")).join(" < ")}.`,
        { path: pathOf(folder, [room]), ...exceptText(room) },
        { path: pathOf(folder, others), ...(folder === "components" && { pathNot: `^${text}` }) },
      );
    }),
  );
}

/** The room of texts lies in the folder of promotion and below all of components. */
function exceptText(room: string): { readonly pathNot?: string } {
  return room === "promotion" ? { pathNot: `^${text}` } : {};
}

function pathOf(folder: string, rooms: readonly string[]): string {
  return `^${folder}/(${rooms.map((room) => (room.endsWith(".ts") ? room.replace(".", "\\.") : `${room}/`)).join("|")})`;
}

function forbidden(name: string, comment: string, from: ImportRule["from"], to: ImportRule["to"]): ImportRule {
  return { name, comment, severity: "error", from, to };
}
