/** Runs the npm that belongs to this Node, or else the one on the path. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Run npm in a directory and return what `spawnSync` does. */
export function npm(arguments_, cwd) {
  const options = { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  const own = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  if (!existsSync(own)) return spawnSync("npm", arguments_, options);
  return spawnSync(process.execPath, [own, ...arguments_], options);
}
