/** A name means one thing in the whole tree: no two files export the same name. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "mocha";
import ts from "typescript";

const root = join(import.meta.dirname, "../..");

/** Names that two files export for the same thing, because the rooms must not import each other. */
const sameThing: Record<string, readonly string[]> = {
  "the catalogue's documents, as the page of the redirector reads them": [
    "CatalogueIndex",
    "ImageDetails",
    "ImageVersion",
    "IndexEntry",
    "ListingDocument",
    "ProjectDocument",
    "ProofSigner",
    "RecentDocument",
    "RecentPromotion",
    "ReleaseDetails",
    "ReleaseFile",
  ],
  "OCI's descriptor, in the promotion and in the rehearsal's clients": ["Descriptor"],
  "OCI's digest, in the promotion and in the redirector": ["isDigest"],
};

const patterns = ["index.ts", "{components,redirector,local,test}/**/*.ts"];

it("no two files export the same name", () => {
  const names = globSync(patterns, { cwd: root });
  const sources = new Map(names.map((file) => [file, readFileSync(join(root, file), "utf8")]));
  assert.ok(sources.size > 300, `only ${sources.size} files were read`);
  const allowed = new Set(Object.values(sameThing).flat());
  const shared = sharedNames(sources);
  const lines = [...shared]
    .filter(([name]) => !allowed.has(name))
    .map(([name, files]) => `${name}: ${files.join(", ")}`);
  assert.deepEqual(lines, [], "rename all but the most central one");
  const needless = [...allowed].filter((name) => !shared.has(name));
  assert.deepEqual(needless, [], "allowed, but not shared any more");
});

it("the check finds functions, classes, types and constants that have a name in common", () => {
  const sources = new Map([
    ["a.ts", "export function one() {}\nexport class Two {}\nfunction own() {}\nexport const three = 1, four = 2;"],
    ["b.ts", "export type one = 1;\nexport interface Two {}\nexport const own = 1;"],
    ["c.ts", "export enum four { a }\nexport { one } from './a.ts';"],
  ]);
  assert.deepEqual(
    [...sharedNames(sources)],
    [
      ["one", ["a.ts", "b.ts"]],
      ["Two", ["a.ts", "b.ts"]],
      ["four", ["a.ts", "c.ts"]],
    ],
  );
});

/** The names that more than one file declares and exports, with the files. */
function sharedNames(sources: ReadonlyMap<string, string>): Map<string, string[]> {
  const files = new Map<string, Set<string>>();
  for (const [file, source] of sources) {
    for (const statement of ts.createSourceFile(file, source, ts.ScriptTarget.Latest).statements) {
      for (const name of exportedNames(statement)) {
        files.set(name, (files.get(name) ?? new Set()).add(file));
      }
    }
  }
  return new Map([...files].filter(([, those]) => those.size > 1).map(([name, those]) => [name, [...those].sort()]));
}

function exportedNames(statement: ts.Statement): string[] {
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
  if (!isExported) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  }
  const { name } = statement as ts.Statement & { readonly name?: ts.Node };
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : [];
}
