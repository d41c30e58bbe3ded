import { nearest } from "../promotion/text/nearest.ts";
import { quoted } from "./problem.ts";

/**
 * Names of manifests that every file system takes, every terminal and log shows as they are, and no CommonMark reader takes for markup.
 */
const portable = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,99})\.yaml$/;

/** The kind of a project's file, by its path below the project's folder; undefined for an unsupported path. */
export function manifestKind(path: string): "project" | "images" | "files" | "withdrawn" | undefined {
  if (path === "withdrawn.yaml") return "withdrawn";
  if (path === "project.yaml") return "project";
  if (path === "images.yaml") return "images";
  if (path === "files.yaml") return "files";
  const [folder, name, ...rest] = path.split("/");
  if ((folder !== "images" && folder !== "files") || name === undefined || rest.length > 0) return undefined;
  return portable.test(name) ? folder : undefined;
}

/** The problem of an unsupported file in a project's folder, with a suggestion. */
export function unknownFile(path: string): string {
  if (/(^|\/)(file)?promoter-manifest\.yaml$/.test(path))
    return `${quoted(path)} is not supported: project.yaml and the stack's config say where artifacts go; npm run import converts manifests of k8s.io`;
  if (/^(?:images|files)\/[^/]*\.yaml$/s.test(path))
    return `${quoted(path)} has a name that not every system takes: rename it to letters, digits and . _ - (100 at most before .yaml, a letter or digit first)`;
  const yaml = path.replace(/\.(yml|YAML|YML)$/, ".yaml");
  const meant =
    manifestKind(yaml) === undefined
      ? nearest(yaml, ["project.yaml", "images.yaml", "files.yaml", "withdrawn.yaml"])
      : yaml;
  const known = "a project has project.yaml, images.yaml or images/*.yaml, files.yaml or files/*.yaml, withdrawn.yaml";
  return `unknown file ${quoted(path)}: ${meant === undefined ? known : `did you mean ${meant}?`}`;
}
