/** The bottom layer of all demo images, like a small base image's. Images and projects share its blob. */
import { type Layer, makeLayer } from "./layer.ts";

const nonroot = 65532; // as in distroless images

/** Two users, a home folder and a folder for temporary files. */
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
