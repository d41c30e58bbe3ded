import type { Project } from "./project.ts";

/** What a promotion of files takes from project.yaml beside the lines; nothing if nothing is declared, so that states of earlier versions show no change. */
export function fileSettings({ mutableFiles = [] }: Project): { mutableFiles?: string[] } {
  return mutableFiles.length === 0 ? {} : { mutableFiles: [...mutableFiles] };
}
