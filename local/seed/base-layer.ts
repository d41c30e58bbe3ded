/** The bottom layer of all demo images, as small base images have it; it lets blobs be shared between images and projects. */
import { type Layer, makeLayer } from "./layer.ts";

const nonroot = 65532; // the number that distroless images made usual

/** Two users, a home and a place for temporary files. */
export function baseLayer(): Promise<Layer> {
  return makeLayer("base: users, groups, /home/nonroot, /tmp", [
    {
      path: "etc/passwd",
      content: `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${nonroot}:${nonroot}:nonroot:/home/nonroot:/sbin/nologin\n`,
    },
    { path: "etc/group", content: `root:x:0:\nnonroot:x:${nonroot}:\n` },
    { path: "home/nonroot/", mode: 0o700, owner: nonroot },
    { path: "tmp/", mode: 0o1777 },
  ]);
}
