import { text } from "../values.ts";
import type { Behaviour, CloudParts } from "./behaviour.ts";

/** `gcp:artifactregistry/repository:Repository`: a path `<project>/<repository>` in the registry of its location. */
export function repository({ servers }: CloudParts): Behaviour {
  return {
    async create({ inputs, config }) {
      const port = await servers.registry(text(inputs, "location"));
      return { registryUri: `127.0.0.1:${port}/${text(inputs, "project", config)}/${text(inputs, "repositoryId")}` };
    },
    async delete({ inputs, config }) {
      const path = `${text(inputs, "project", config)}/${text(inputs, "repositoryId")}`;
      await servers.dropRepository(text(inputs, "location"), path);
    },
  };
}
