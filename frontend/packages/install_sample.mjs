/**
 * Builds a sample as a project of its own: `node frontend/packages/install_sample.mjs SAMPLE DIRECTORY TARBALL...` copies it,
 * installs its packages with these tarballs among them, and runs its `build`. What an earlier run has installed and compiled in that
 * directory is used again.
 */

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { npm } from "../npm.mjs";

const [sample, directory, ...tarballs] = process.argv.slice(2);
const isOfSource = (path) => !/[/\\](node_modules|dist|\.next)([/\\]|$)/.test(path.slice(sample.length));
for (const name of fs.existsSync(directory) ? fs.readdirSync(directory) : []) {
  if (name !== "node_modules" && name !== ".next") fs.rmSync(join(directory, name), { recursive: true });
}
fs.cpSync(sample, directory, { recursive: true, filter: isOfSource });

const path = join(directory, "package.json");
const project = JSON.parse(fs.readFileSync(path, "utf8"));
for (const tarball of tarballs) {
  const [, name] = /([a-z-]+)-\d[^/\\]*\.tgz$/.exec(tarball);
  project.dependencies[name] = `file:${resolve(tarball)}`;
  // npm would keep a former one of this version.
  fs.rmSync(join(directory, "node_modules", name), { recursive: true, force: true });
}
fs.writeFileSync(path, JSON.stringify(project));

const installed = npm(["install", "--prefer-offline", "--loglevel=error"], directory);
finish(installed);
for (const command of project.scripts.build.split(" && ")) {
  const [program, ...given] = command.split(" ");
  const file = join(directory, "node_modules", ".bin", program);
  // The programs are started by this Node, which need not be on the path.
  finish(spawnSync(process.execPath, [fs.realpathSync(file), ...given], { cwd: directory, encoding: "utf8" }));
}

function finish({ error, status, stdout, stderr }) {
  if (status === 0) return;
  console.error(`${error ?? ""}${stdout ?? ""}${stderr ?? ""}`);
  process.exit(1);
}
