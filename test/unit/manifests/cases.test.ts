// The cases of promotion that are decided by reading the manifests, each with every line that is to be printed for it.
// Numbers as in the list of cases that the work on promotion started from; what today's promoter does with each is in
// the comment.
import assert from "node:assert/strict";
import { it } from "mocha";
import { imageLines } from "../../../components/manifests/lines.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";

const a = `sha256:${"a".repeat(64)}`;
const b = `sha256:${"b".repeat(64)}`;
const hex = "c".repeat(64);
const declaration = "description: x\nowners:\n  group: g@example.org\nstaging:\n  images: true\n  files: true\n";

/** An images.yaml of one image with these lines in its dmap; the first of them is line 3. */
const dmap = (...lines: string[]) => `- name: app\n  dmap:\n${lines.map((line) => `    ${line}\n`).join("")}`;
/** A files.yaml of these files. */
const files = (...list: [name: string, sha256: string][]) =>
  `files:\n${list.map(([name, sha256]) => `- name: ${name}\n  sha256: ${sha256}\n`).join("")}`;

interface Case {
  readonly number: number | string;
  readonly what: string;
  /** Text of project p's images.yaml, or files by path. */
  readonly given: string | Readonly<Record<string, string>>;
  /** All problems, in order. */
  readonly problems: readonly string[];
  /** What is wanted in production of p; absent if nothing is to be promoted because of an error. */
  readonly lines?: string;
}

const cases: readonly Case[] = [
  {
    number: 1,
    what: "digest of 63 digits, in upper case, sha512, without sha256:, of other letters (today: lost, green)",
    given: dmap(
      `"${a.slice(0, -1)}": ["v1"]`,
      `"${a.toUpperCase()}": ["v2"]`,
      `"sha512:${hex}${hex}": ["v3"]`,
      `"${hex}": ["v4"]`,
      `"sha256:${"g".repeat(64)}": ["v5"]`,
    ),
    problems: [
      `manifests/p/images.yaml:3:5: image "app": digest "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" has 63 hex digits instead of 64: copy it again`,
      `manifests/p/images.yaml:4:5: image "app": digest "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" has upper-case letters: write it in lower case`,
      `manifests/p/images.yaml:5:5: image "app": "sha512:${hex}ccccccccccccccccccccccccccccc…" is not supported, as not every registry stores digests other than sha256: push it with a sha256 digest`,
      `manifests/p/images.yaml:6:5: image "app": "${hex}" is not a digest: write "sha256:" and 64 lower-case hex digits`,
      `manifests/p/images.yaml:7:5: image "app": digest "sha256:gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg" has characters other than 0-9a-f: copy it again`,
    ],
  },
  {
    number: 2,
    what: "tag with + or a blank (today: green, fails after the merge)",
    given: dmap(`"${a}": ["v1+x", "a b"]`),
    problems: [
      `manifests/p/images.yaml:3:81: image "app": tag "v1+x" has a plus sign, which no tag has: helm push writes it as _, so this chart's tag is "v1_x"`,
      `manifests/p/images.yaml:3:89: image "app": tag "a b" is not a tag: letters, digits, _ . - and not . or - first`,
    ],
  },
  {
    number: 3,
    what: "tag that starts with a dot, tag of 129 characters (today: accepted)",
    given: dmap(`"${a}": [".x"]`, `"${b}": ["${"v".repeat(129)}"]`),
    problems: [
      `manifests/p/images.yaml:3:81: image "app": tag ".x" is not a tag: letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:4:81: image "app": tag "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv…" has 129 characters: 128 at most`,
    ],
  },
  {
    number: 4,
    what: "unquoted numbers are the text they are",
    given: dmap(`"${a}": [1.10, 010, 1e3]`),
    problems: [
      `manifests/p/images.yaml:3:81: warning: image "app": tag 1.10 is read as the text "1.10", but by other YAML readers as the number 1.1: quote it`,
      `manifests/p/images.yaml:3:87: warning: image "app": tag 010 is read as the text "010", but by other YAML readers as the number 10: quote it`,
      `manifests/p/images.yaml:3:92: warning: image "app": tag 1e3 is read as the text "1e3", but by other YAML readers as the number 1000: quote it`,
    ],
    lines: `app:010 ${a}\napp:1.10 ${a}\napp:1e3 ${a}\n`,
  },
  {
    number: 5,
    what: "null and empty tags (today: tagless)",
    given: dmap(`"${a}": [null]`, `"${b}": [""]`),
    problems: [
      `manifests/p/images.yaml:3:81: image "app": a tag is empty or null: it must be text`,
      `manifests/p/images.yaml:4:81: image "app": a tag is empty: remove it; for a digest without tags write []`,
    ],
  },
  {
    number: 6,
    what: "a tag instead of a list",
    given: dmap(`"${a}": v1`),
    problems: [`manifests/p/images.yaml:3:80: image "app": tags must be a list: write ["v1"]`],
  },
  {
    number: 7,
    what: "an empty list is a digest without a tag, nothing at all is a mistake",
    given: dmap(`"${a}": []`, `"${b}":`),
    problems: [
      `manifests/p/images.yaml:4:79: image "app": tags must be a list: write ["v1.0.0"], or [] for a digest without a tag`,
    ],
  },
  {
    number: "7, tagless",
    what: "an empty list is a digest without a tag",
    given: dmap(`"${a}": []`),
    problems: [],
    lines: `app@${a}\n`,
  },
  {
    number: 8,
    what: "block list, padding, unquoted digest",
    given: dmap(`"${a}":`, `  - "v1"`, `  - v1.0`, `${b}: [ "v2" ]`),
    problems: [],
    lines: `app:v1 ${a}\napp:v1.0 ${a}\napp:v2 ${b}\n`,
  },
  {
    number: 9,
    what: "a digest twice",
    given: dmap(`"${a}": ["v1"]`, `"${b}": ["v2"]`, `"${a}": ["v3"]`),
    problems: [
      `manifests/p/images.yaml:3:5: "${a}" is also in line 5: keep one`,
      `manifests/p/images.yaml:5:5: "${a}" is also in line 3: keep one`,
    ],
  },
  {
    number: 10,
    what: "a tag on two digests of an image (today: all projects fail)",
    given: dmap(`"${a}": ["v1"]`, `"${b}": ["v1"]`),
    problems: [
      `manifests/p/images.yaml:3:81: image "app": tag "v1" is on two digests, in lines 3 and 4: keep it on one`,
      `manifests/p/images.yaml:4:81: image "app": tag "v1" is on two digests, in lines 3 and 4: keep it on one`,
    ],
  },
  {
    number: 11,
    what: "a tag twice in a list (today: accepted)",
    given: dmap(`"${a}": ["v1", "v1"]`),
    problems: [`manifests/p/images.yaml:3:87: image "app": tag "v1" is listed twice for this digest: keep one`],
  },
  {
    number: 12,
    what: "an image twice (today: merged)",
    given: `${dmap(`"${a}": ["v1"]`)}${dmap(`"${b}": ["v2"]`)}`,
    problems: [
      `manifests/p/images.yaml:1:9: image "app" is also in manifests/p/images.yaml:4: put its digests under one name`,
      `manifests/p/images.yaml:4:9: image "app" is also in manifests/p/images.yaml:1: put its digests under one name`,
    ],
  },
  {
    number: "12, in two files",
    what: "an image twice",
    given: { "p/images/1.yaml": dmap(`"${a}": ["v1"]`), "p/images/2.yaml": dmap(`"${b}": ["v2"]`) },
    problems: [
      `manifests/p/images/1.yaml:1:9: image "app" is also in manifests/p/images/2.yaml:1: put its digests under one name`,
      `manifests/p/images/2.yaml:1:9: image "app" is also in manifests/p/images/1.yaml:1: put its digests under one name`,
    ],
  },
  {
    number: 13,
    what: "no name, upper case, empty segment, traversal",
    given: ["", "Foo", "a//b", "../x", "a".repeat(201)]
      .map((name) => `- name: "${name}"\n  dmap:\n    "${a}": ["v1"]\n`)
      .join(""),
    problems: [
      "manifests/p/images.yaml:1:9: an image needs a name: lower-case letters and digits, joined by one . _ / , __ or dashes",
      `manifests/p/images.yaml:4:9: image name "Foo" is not a repository name: lower-case letters and digits, joined by one . _ / , __ or dashes; write "foo"`,
      `manifests/p/images.yaml:7:9: image name "a//b" is not a repository name: lower-case letters and digits, joined by one . _ / , __ or dashes`,
      `manifests/p/images.yaml:10:9: image name "../x" is not a repository name: lower-case letters and digits, joined by one . _ / , __ or dashes`,
      `manifests/p/images.yaml:13:9: image name "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" has 201 characters: 200 at most`,
    ],
  },
  {
    number: 14,
    what: "a misspelt key",
    given: `- name: app\n  dmapp:\n    "${a}": ["v1"]\n`,
    problems: [
      "manifests/p/images.yaml:1:3: `dmap` is required: add `dmap: ` and below it a digest with its tags",
      `manifests/p/images.yaml:2:3: unknown key "dmapp": did you mean dmap?`,
    ],
  },
  {
    number: 15,
    what: "no dmap, an empty one, nothing in it (today: green)",
    given: `- name: app\n- name: b\n  dmap: {}\n- name: c\n  dmap:\n`,
    problems: [
      "manifests/p/images.yaml:1:3: `dmap` is required: add `dmap: ` and below it a digest with its tags",
      `manifests/p/images.yaml:3:9: image "b": no digest in dmap: add one or remove the image`,
      `manifests/p/images.yaml:5:8: image "c": dmap is empty or null: it must be a map of digests and their tags: "sha256:…": ["v1.0.0"]`,
    ],
  },
  { number: "15, empty file", what: "nothing is wanted", given: "", problems: [], lines: "" },
  {
    number: 16,
    what: "a second document (today: dropped)",
    given: `${dmap(`"${a}": ["v1"]`)}---\n${dmap(`"${b}": ["v2"]`)}`,
    problems: [
      "manifests/p/images.yaml:4:1: a second YAML document starts here; a manifest is one document: remove the --- line or move this to a file of its own",
    ],
  },
  {
    number: "17, alias",
    what: "aliases and anchors",
    given: dmap(`"${a}": &tags ["v1"]`, `"${b}": *tags`),
    problems: [
      "manifests/p/images.yaml:3:86: anchors (&name) are not supported: remove it",
      "manifests/p/images.yaml:4:80: aliases (*name) are not supported: write the value out",
    ],
  },
  {
    number: "17, merge",
    what: "merge keys",
    given: `- name: app\n  dmap:\n    "${a}": ["v1"]\n  <<: {x: y}\n`,
    problems: [`manifests/p/images.yaml:4:3: image "app": merge keys (<<) are not supported: write the keys out`],
  },
  {
    number: "17, tag",
    what: "YAML tags",
    given: dmap(`"${a}": !!seq ["v1"]`),
    problems: ["manifests/p/images.yaml:3:86: YAML tags (!name) are not supported: remove it"],
  },
  {
    number: "17, depth",
    what: "a deep nest",
    given: `${"[".repeat(30)}${"]".repeat(30)}`,
    problems: [
      "manifests/p/images.yaml:1:22: nested deeper than 20 levels; a manifest needs 5: remove the extra dashes, brackets or indentation",
    ],
  },
  {
    number: "17, dashes",
    what: "5,000 lists in one line, twice",
    given: `${"- ".repeat(5000)}\n`.repeat(2),
    problems: [
      "manifests/p/images.yaml:1:43: nested deeper than 20 levels; a manifest needs 5: remove the extra dashes, brackets or indentation",
    ],
  },
  {
    number: "14, many",
    what: "60,000 misspelt keys: the first ten are named, the others are counted",
    given: `images: []\n${Array.from({ length: 60_000 }, (_, index) => `registrie${index}: x\n`).join("")}`,
    problems: [
      ...Array.from(
        { length: 10 },
        (_, index) =>
          `manifests/p/images.yaml:${index + 2}:1: unknown key "registrie${index}": did you mean registries?`,
      ),
      "manifests/p/images.yaml:12:1: ... and 59,990 more unknown keys",
    ],
  },
  {
    number: "18, BOM and CRLF",
    what: "BOM, CRLF, comments, no newline at the end",
    given: `\uFEFF# all\r\n- name: app # ours\r\n  dmap:\r\n    # first\r\n    "${a}": ["v1"] # first`,
    problems: [],
    lines: `app:v1 ${a}\n`,
  },
  {
    number: 19,
    what: "misspelt file names (today: ignored, green)",
    given: {
      "p/imaegs.yaml": "",
      "p/images.yml": "",
      "p/OWNERS.txt": "",
      "p/promoter-manifest.yaml": "",
      "p/images/deep/x.yaml": "",
      "loose.yaml": "",
    },
    problems: [
      "manifests/loose.yaml:1:1: file outside of a project's folder: move it into one, or create a project with npm run new",
      `manifests/p/OWNERS.txt:1:1: unknown file "OWNERS.txt": a project has project.yaml, images.yaml or images/*.yaml, files.yaml or files/*.yaml, withdrawn.yaml`,
      `manifests/p/imaegs.yaml:1:1: unknown file "imaegs.yaml": did you mean images.yaml?`,
      `manifests/p/images.yml:1:1: unknown file "images.yml": did you mean images.yaml?`,
      `manifests/p/images/deep/x.yaml:1:1: unknown file "images/deep/x.yaml": a project has project.yaml, images.yaml or images/*.yaml, files.yaml or files/*.yaml, withdrawn.yaml`,
      `manifests/p/promoter-manifest.yaml:1:1: "promoter-manifest.yaml" is not supported: project.yaml and the stack's config say where artifacts go; npm run import converts manifests of k8s.io`,
    ],
  },
  {
    number: 21,
    what: "two sources (today: the second is a destination)",
    given: `registries:\n- name: gcr.io/a\n  src: true\n- name: gcr.io/b\n  src: true\nimages: []\n`,
    problems: [
      "manifests/p/images.yaml:4:3: a second registry has src: true, but a project has one staging area: remove the registries",
    ],
  },
  {
    number: 22,
    what: "mirrors come from the stack's config",
    given: `registries:\n- name: gcr.io/a\n  src: true\nimages:\n${dmap(`"${a}": ["v1"]`)}`,
    problems: [
      "manifests/p/images.yaml:1:1: warning: registries are ignored: images are copied from the project's staging area to the mirrors of the stack, below imagePrefix of project.yaml: remove them",
    ],
    lines: `app:v1 ${a}\n`,
  },
  {
    number: 23,
    what: "two projects, one path and tag, two digests (today: all fail)",
    given: {
      "p/images.yaml": dmap(`"${a}": ["v1"]`),
      "q/project.yaml": `${declaration}imagePrefix: ""\n`,
      "q/images.yaml": `- name: p/app\n  dmap:\n    "${b}": ["v1"]\n`,
    },
    problems: [
      `manifests/p/images.yaml:1:9: image "p/app" is also used by project "q" (manifests/q/images.yaml:1): change one of the two`,
      `manifests/q/images.yaml:1:9: image "p/app" is also used by project "p" (manifests/p/images.yaml:1): change one of the two`,
    ],
  },
  {
    number: 24,
    what: "two projects, one path, tag and digest (today: one kept)",
    given: {
      "p/images.yaml": dmap(`"${a}": ["v1"]`),
      "q/project.yaml": `${declaration}imagePrefix: p\n`,
      "q/images.yaml": dmap(`"${a}": ["v1"]`),
    },
    problems: [
      `manifests/p/images.yaml:1:9: image "p/app" is also used by project "q" (manifests/q/images.yaml:1): change one of the two`,
      `manifests/p/project.yaml:1:1: imagePrefix "p" is also used by project "q" (manifests/q/project.yaml:7): change one of the two, or grant names by \`shares\``,
      `manifests/q/images.yaml:1:9: image "p/app" is also used by project "p" (manifests/p/images.yaml:1): change one of the two`,
      `manifests/q/project.yaml:7:14: imagePrefix "p" is also used by project "p" (manifests/p/project.yaml:1): change one of the two, or grant names by \`shares\``,
    ],
  },
  {
    number: "24, files",
    what: "two projects, one file",
    given: {
      "p/files.yaml": files(["v1/tool", hex]),
      "q/project.yaml": `${declaration}filePrefix: p/v1\n`,
      "q/files.yaml": files(["tool", hex]),
    },
    problems: [
      `manifests/p/files.yaml:2:9: file "p/v1/tool" is also used by project "q" (manifests/q/files.yaml:2): change one of the two`,
      `manifests/p/project.yaml:1:1: filePrefix "p/v1" of project "q" (manifests/q/project.yaml:7) is inside filePrefix "p": choose another there, or add \`shares: [{project: q, files: ["v1/*"]}]\` here`,
      `manifests/q/files.yaml:2:9: file "p/v1/tool" is also used by project "p" (manifests/p/files.yaml:2): change one of the two`,
      `manifests/q/project.yaml:7:13: filePrefix "p/v1" is inside filePrefix "p" of project "p" (manifests/p/project.yaml:1): choose another, or have that project's approvers add \`shares: [{project: q, files: ["v1/*"]}]\` to its project.yaml`,
    ],
  },
  {
    number: "24, folder",
    what: "a file of one project where another has a folder",
    given: {
      "p/files.yaml": files(["v1/tool", hex]),
      "q/project.yaml": `${declaration}filePrefix: ""\nimagePrefix: q\n`,
      "q/files.yaml": files(["p/v1", hex]),
    },
    problems: [
      `manifests/p/files.yaml:2:9: "p/v1", a folder in one project and a file in the other, is also used by project "q" (manifests/q/files.yaml:2): change one of the two`,
      `manifests/q/files.yaml:2:9: "p/v1", a folder in one project and a file in the other, is also used by project "p" (manifests/p/files.yaml:2): change one of the two`,
    ],
  },
  {
    number: "24, long",
    what: "two projects, names that differ only at their end",
    given: {
      "p/images.yaml": `- name: ${"x".repeat(150)}1\n  dmap:\n    "${a}": ["v1"]\n`,
      "q/project.yaml": `${declaration}imagePrefix: ""\n`,
      "q/images.yaml": `- name: q/${"x".repeat(150)}2\n  dmap:\n    "${a}": ["v1"]\n`,
    },
    problems: [],
    lines: `${"x".repeat(150)}1:v1 ${a}\n`,
  },
  {
    number: "24, names of manifests",
    what: "names that do not mean the same on every system, or print as something else",
    given: {
      "p/images/a b.yaml": "",
      "p/images/x\n`\x01`\x01`\n\nNo changes to production.\n<!--.yaml": dmap(`"${a}": [1.10]`),
      "p/files/.yaml": "",
      "p/files/\u202egpj.yaml": "",
      "p/files/A.yaml": "",
      "p/files/a.yaml": "",
      [`p/files/${"x".repeat(101)}.yaml`]: "",
    },
    problems: [
      `manifests/p/files/.yaml:1:1: "files/.yaml" has a name that not every system takes: rename it to letters, digits and . _ - (100 at most before .yaml, a letter or digit first)`,
      `manifests/p/files/a.yaml:1:1: "files/a.yaml" differs from "files/A.yaml" only in case: rename one`,
      `manifests/p/files/${"x".repeat(101)}.yaml:1:1: "files/${"x".repeat(94)}…" has a name that not every system takes: rename it to letters, digits and . _ - (100 at most before .yaml, a letter or digit first)`,
      `manifests/p/files/\\u{202e}gpj.yaml:1:1: "files/\\u{202e}gpj.yaml" has a name that not every system takes: rename it to letters, digits and . _ - (100 at most before .yaml, a letter or digit first)`,
      `manifests/p/images/a b.yaml:1:1: "images/a b.yaml" has a name that not every system takes: rename it to letters, digits and . _ - (100 at most before .yaml, a letter or digit first)`,
      'manifests/p/images/x\\u{a}`\\u{1}`\\u{1}`\\u{a}\\u{a}No changes to production.\\u{a}<!--.yaml:1:1: "images/x\\u{a}`\\u{1}`\\u{1}`\\u{a}\\u{a}No changes to production.\\u{a}<!--.yaml" has a name that not every system takes: rename it to letters, digits and . _ - (100 at most before .yaml, a letter or digit first)',
    ],
  },
  {
    number: 25,
    what: "one project's mistake leaves the others",
    given: {
      "p/images.yaml": dmap(`"${a}": ["v1"]`),
      "q/project.yaml": declaration,
      "q/images.yaml": dmap(`"${a}": v1`),
    },
    problems: [`manifests/q/images.yaml:3:80: image "app": tags must be a list: write ["v1"]`],
    lines: `app:v1 ${a}\n`,
  },
  {
    number: 58,
    what: "sha256 in upper case (today: never copied), with sha256:, too short",
    given: { "p/files.yaml": files(["x", hex.toUpperCase()], ["y", `sha256:${hex}`], ["z", hex.slice(1)]) },
    problems: [
      `manifests/p/files.yaml:3:11: sha256 "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC" has upper-case letters: write it in lower case`,
      `manifests/p/files.yaml:4:9: warning: name y is read as the text "y", but by other YAML readers as true: quote it`,
      `manifests/p/files.yaml:5:11: "sha256:${hex}": a file's sha256 is 64 hex digits: remove "sha256:"`,
      `manifests/p/files.yaml:7:11: sha256 "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" has 63 hex digits instead of 64: copy it again`,
    ],
  },
  {
    number: 59,
    what: "a sha256 of digits, a name like a number (today: +Inf and 1.1)",
    given: { "p/files.yaml": files(["1.10", "1".repeat(64)]) },
    problems: [
      `manifests/p/files.yaml:2:9: warning: name 1.10 is read as the text "1.10", but by other YAML readers as the number 1.1: quote it`,
      `manifests/p/files.yaml:3:11: warning: sha256 1111111111111111111111111111111111111111111111111111111111111111 is read as the text "1111111111111111111111111111111111111111111111111111111111111111", but by other YAML readers as the number 1.1111111111111112e+63: quote it`,
    ],
    lines: "",
  },
  {
    number: 60,
    what: "a file twice, traversal, absolute, odd characters",
    given: {
      "p/files.yaml": files(
        ["a", hex],
        ["a", hex],
        ["../x", hex],
        ["/x", hex],
        ["x/./y", hex],
        ["x//y", hex],
        ["x/", hex],
        ['"a\\\\b"', hex],
        ['"a #b"', hex],
        ['"a%2fb"', hex],
        ["e\u0301", hex],
        [`"${"x".repeat(256)}"`, hex],
      ),
    },
    problems: [
      `manifests/p/files.yaml:2:9: file "a" is also in manifests/p/files.yaml:4: keep one`,
      `manifests/p/files.yaml:4:9: file "a" is also in manifests/p/files.yaml:2: keep one`,
      `manifests/p/files.yaml:6:9: file name "../x" has a segment . or ..: write the path it means`,
      `manifests/p/files.yaml:8:9: file name "/x" starts with a slash: write it relative to the project's folder`,
      `manifests/p/files.yaml:10:9: file name "x/./y" has a segment . or ..: write the path it means`,
      `manifests/p/files.yaml:12:9: file name "x//y" has an empty segment: remove the doubled or last slash`,
      `manifests/p/files.yaml:14:9: file name "x/" has an empty segment: remove the doubled or last slash`,
      `manifests/p/files.yaml:16:9: file name "a\\b" has the character "\\": letters, digits, spaces and . _ + ~ @ = , ( ) - are allowed`,
      `manifests/p/files.yaml:18:9: file name "a #b" has the character "#": letters, digits, spaces and . _ + ~ @ = , ( ) - are allowed`,
      `manifests/p/files.yaml:20:9: file name "a%2fb" has the character "%": letters, digits, spaces and . _ + ~ @ = , ( ) - are allowed`,
      `manifests/p/files.yaml:22:9: file name "e\u0301" is not in Unicode's form NFKC: write "é"`,
      `manifests/p/files.yaml:24:9: file name "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" has a segment of more than 255 characters`,
    ],
  },
  {
    number: "60, case",
    what: "files that differ in case only; a file and a folder of one name",
    given: { "p/files.yaml": files(["v1/Tool", hex], ["v1/tool", hex], ["v1/tool/x", hex]) },
    problems: [
      `manifests/p/files.yaml:4:9: file "v1/tool" differs from "v1/Tool" (manifests/p/files.yaml:2) only in case: rename one`,
      `manifests/p/files.yaml:6:9: file "v1/tool/x" is inside "v1/Tool" (manifests/p/files.yaml:2), which is a file: rename one`,
    ],
  },
  {
    number: 61,
    what: "prose among the files (today: all fail)",
    given: { "p/files/README.md": "Hello", "p/README.md": "Hello" },
    problems: [
      `manifests/p/README.md:1:1: unknown file "README.md": a project has project.yaml, images.yaml or images/*.yaml, files.yaml or files/*.yaml, withdrawn.yaml`,
      `manifests/p/files/README.md:1:1: unknown file "files/README.md": a project has project.yaml, images.yaml or images/*.yaml, files.yaml or files/*.yaml, withdrawn.yaml`,
    ],
  },
  {
    number: 62,
    what: "the last file removed (today: all fail)",
    given: { "p/files.yaml": "files: []\n" },
    problems: [],
    lines: "",
  },
  {
    number: 66,
    what: "workflow commands and escapes in a name",
    given: dmap(`"${a}": ["v1\\n::error::x", "\\e[31mred", "\\u202Eabc", "::error file=x::y"]`),
    problems: [
      `manifests/p/images.yaml:3:81: image "app": tag "v1\\u{a}::error::x" is not a tag (it has U+000A): letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:3:99: image "app": tag "\\u{1b}[31mred" is not a tag (it has U+001B): letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:3:112: image "app": tag "\\u{202e}abc" is not a tag (it has U+202E): letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:3:125: image "app": tag "::error file=x::y" is not a tag: letters, digits, _ . - and not . or - first`,
    ],
  },
  {
    number: "attached",
    what: "a signature's tag",
    given: dmap(`"${b}": ["sha256-${"a".repeat(64)}.sig"]`),
    problems: [
      `manifests/p/images.yaml:3:81: warning: image "app": tag "sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig" belongs to a signature or attestation: these travel with their digest, remove it`,
    ],
    lines: `app:sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig ${b}\n`,
  },
  {
    number: "case of tags",
    what: "tags that differ in case only",
    given: dmap(`"${a}": ["v1"]`, `"${b}": ["V1"]`),
    problems: [`manifests/p/images.yaml:4:81: warning: image "app": tag "V1" differs from "v1" (line 3) only in case`],
    lines: `app:V1 ${b}\napp:v1 ${a}\n`,
  },
  {
    number: "both",
    what: "key and value of one line are wrong",
    given: dmap(`"${a.slice(1)}": ["a b"]`),
    problems: [
      `manifests/p/images.yaml:3:5: image "app": "ha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is not a digest: write "sha256:" and 64 lower-case hex digits`,
      `manifests/p/images.yaml:3:80: image "app": tag "a b" is not a tag: letters, digits, _ . - and not . or - first`,
    ],
  },
  {
    number: "proto",
    what: "__proto__ is a key like any other",
    given: `- name: app\n  __proto__: {dmap: {}}\n  dmap:\n    __proto__: ["v1"]\n    constructor: ["v1"]\n`,
    problems: [
      `manifests/p/images.yaml:2:3: unknown key "__proto__": remove it`,
      `manifests/p/images.yaml:4:5: unknown key "__proto__": remove it`,
      `manifests/p/images.yaml:4:17: image "app": tag "v1" is on two digests, in lines 4 and 5: keep it on one`,
      `manifests/p/images.yaml:5:5: image "app": "constructor" is not a digest: write "sha256:" and 64 lower-case hex digits`,
      `manifests/p/images.yaml:5:19: image "app": tag "v1" is on two digests, in lines 4 and 5: keep it on one`,
    ],
  },
  {
    number: "types",
    what: "other things than lists and maps",
    given: {
      "p/images.yaml": "app",
      "p/images/1.yaml": "- app\n- [x]\n- name: [x]\n  dmap: [x]\n",
      "p/files.yaml": "- name: x\n",
      "p/files/1.yaml": "files: x\n",
      "p/files/2.yaml": "Files: []\n",
    },
    problems: [
      "manifests/p/files.yaml:1:1: the manifest must be a map of keys and values, not a list",
      `manifests/p/files/1.yaml:1:8: files must be a list, one \`- \` line for each, not "x"`,
      "manifests/p/files/2.yaml:1:1: `files` is required: add `files: []`",
      `manifests/p/files/2.yaml:1:1: unknown key "Files": did you mean files?`,
      `manifests/p/images.yaml:1:1: images must be a list, one \`- \` line for each, not "app"`,
      `manifests/p/images/1.yaml:1:3: an image must be a map of keys and values, not "app"`,
      "manifests/p/images/1.yaml:2:3: an image must be a map of keys and values, not a list",
      "manifests/p/images/1.yaml:3:9: name must be text, not a list",
      `manifests/p/images/1.yaml:4:9: dmap must be a map of digests and their tags: "sha256:…": ["v1.0.0"], not a list`,
    ],
  },
  {
    number: "report 8",
    what: "tags by which registries attach to a digest that is promoted, and to another",
    given: dmap(
      `"${a}": ["sha256-${"a".repeat(64)}", "sha256-${"a".repeat(64)}.sig"]`,
      `"${b}": ["sha256-${"d".repeat(64)}.att"]`,
    ),
    problems: [
      `manifests/p/images.yaml:3:81: image "app": tag "sha256-${"a".repeat(64)}" belongs to a signature or attestation: these travel with their digest, remove it`,
      `manifests/p/images.yaml:3:156: image "app": tag "sha256-${"a".repeat(64)}.sig" belongs to a signature or attestation: these travel with their digest, remove it`,
      `manifests/p/images.yaml:4:81: warning: image "app": tag "sha256-${"d".repeat(64)}.att" belongs to a signature or attestation: these travel with their digest, remove it`,
    ],
  },
  {
    number: "report 14",
    what: "what a merge leaves, with the line where it begins",
    given: {
      "p/images.yaml": dmap("<<<<<<< HEAD", `"${a}": ["v1"]`, "=======", `"${b}": ["v1"]`, ">>>>>>> theirs").replace(
        /^ +(?=[<=>]{7})/gm,
        "",
      ),
      "p/files.yaml": files(["a", hex]).replace("- name", ">>>>>>> theirs\n- name"),
    },
    problems: ["files.yaml:2:1", "images.yaml:3:1"].map(
      (at) =>
        `manifests/p/${at}: a merge left its conflict here: keep the lines of one side, or of both, and remove the <<<<<<<, ======= and >>>>>>> lines`,
    ),
  },
  {
    number: "report 14, characters",
    what: "characters that look like others are named by their code point",
    given: {
      "p/images.yaml": `- name: аpp\n  dmap:\n    "${a}": ["v1\u00a0", "v1–rc", "v\u200b2"]\n    "sha256:${"а".repeat(64)}": []\n`,
      "p/files.yaml": files(["a\u00a0b", hex], ["tооl", hex]),
    },
    problems: [
      `manifests/p/files.yaml:2:9: file name "a\u00a0b" has the character U+00A0 (a no-break space): letters, digits, spaces and . _ + ~ @ = , ( ) - are allowed`,
      `manifests/p/files.yaml:4:9: file name "tооl" has the character U+043E (a Cyrillic character: type it again) in a word of another script: letters, digits, spaces and . _ + ~ @ = , ( ) - are allowed`,
      `manifests/p/images.yaml:1:9: image name "аpp" is not a repository name (it has U+0430 (a Cyrillic character: type it again)): lower-case letters and digits, joined by one . _ / , __ or dashes`,
      `manifests/p/images.yaml:3:81: image "аpp": tag "v1\u00a0" is not a tag (it has U+00A0 (a no-break space)): letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:3:88: image "аpp": tag "v1–rc" is not a tag (it has U+2013 (an en dash, not a hyphen)): letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:3:97: image "аpp": tag "v\\u{200b}2" is not a tag (it has U+200B (a zero-width space)): letters, digits, _ . - and not . or - first`,
      `manifests/p/images.yaml:4:5: image "аpp": digest "sha256:${"а".repeat(64)}" has characters other than 0-9a-f, U+0430 (a Cyrillic character: type it again): copy it again`,
    ],
  },
  {
    number: "report 14, more marks of a merge",
    what: "what is left when only some of the marks were removed",
    given: {
      "p/images.yaml": `${dmap(`"${a}": ["v1"]`)}=======\n`,
      "p/files.yaml": `${files(["a", hex])}||||||| base\n`,
    },
    problems: ["files.yaml:4:1", "images.yaml:4:1"].map(
      (at) =>
        `manifests/p/${at}: a merge left its conflict here: keep the lines of one side, or of both, and remove the <<<<<<<, ======= and >>>>>>> lines`,
    ),
  },
  {
    number: "report 14, spaces",
    what: "no-break spaces that came with copied text: before a list item, after a key, as indentation, in a key",
    given: {
      "p/images/1.yaml": `-\u00a0name: app\n  dmap:\n    "${a}": ["v1"]\n`,
      "p/images/2.yaml": `- name:\u00a0b\n  dmap:\n    "${a}": ["v1"]\n`,
      "p/images/3.yaml": `- name: c\n  dmap:\n\u00a0\u00a0\u00a0\u00a0"${a}": ["v1"]\n`,
      "p/images/4.yaml": `- name: d\n  dmap\u00a0:\n    "${a}": ["v1"]\n  dmap: {"${a}": []}\n`,
    },
    problems: [
      ...["1.yaml:1:2", "2.yaml:1:8", "3.yaml:3:1"].map(
        (at) =>
          `manifests/p/images/${at}: not YAML: the line has U+00A0 (a no-break space), which YAML takes for a letter: type it again`,
      ),
      'manifests/p/images/4.yaml:2:3: image "d": unknown key "dmap\u00a0" (it has U+00A0 (a no-break space)): did you mean dmap?',
    ],
  },
  {
    number: "report 14, digests",
    what: "an image ID, a digest in typographic quotation marks, with a space, and among the tags",
    given: dmap(`"3f2a1bc4d5e6": []`, `“${a}”: []`, `"${a} ": []`, `"${b}": ["${b}"]`),
    problems: [
      'manifests/p/images.yaml:3:5: image "app": "3f2a1bc4d5e6" is not a digest but a short image ID (`docker images`): `docker push` prints the digest',
      `manifests/p/images.yaml:4:5: image "app": "“${a}”" (it has U+201C (a typographic quotation mark)) is not a digest: write "sha256:" and 64 lower-case hex digits`,
      `manifests/p/images.yaml:5:5: image "app": digest "${a} " has characters other than 0-9a-f, " ": copy it again`,
      `manifests/p/images.yaml:6:81: image "app": tag "${b}" is a digest: digests are the keys of dmap, before their tags`,
    ],
  },
  {
    number: "syntax",
    what: "no YAML",
    given: { "p/images.yaml": `- name: app\n  dmap:\n\t"${a}": ["v1"]\n`, "p/files.yaml": "files: [\n" },
    problems: [
      "manifests/p/files.yaml:2:1: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
      "manifests/p/images.yaml:3:1: not YAML: Tabs are not allowed as indentation",
    ],
  },
];

for (const { number, what, given, problems, lines } of cases) {
  it(`case ${number}: ${what}`, () => {
    const texts = typeof given === "string" ? { "p/images.yaml": given } : given;
    const loaded = readManifests(new Map(Object.entries({ "p/project.yaml": declaration, ...texts })), "manifests");
    assert.deepEqual(loaded.problems.map(problemLine), problems);
    const project = loaded.projects.find(({ name }) => name === "p");
    assert.equal(project && imageLines(project), lines);
  });
}
