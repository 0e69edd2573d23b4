/**
 * Builds and packs the npm packages: `node frontend/packages/build.mjs [directory]`. Writes their tarballs, by default into
 * `frontend/packages/dist/`, and prints their paths. The packages of frontend/package-lock.json have to be installed
 * (`node frontend/build.mjs --with-tests`).
 */

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { npm } from "../npm.mjs";
import { shadowStyles } from "../shadow_styles.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const FRONTEND = join(HERE, "..");
const ROOT = join(FRONTEND, "..");
const TARGET = ["chrome123", "firefox121", "safari17.5", "node20"];

/** The most that the client of `live-inbox` may have with all that it imports, and the element, compressed with gzip. */
const MOST_BYTES = { "index.js": 8_500, "element.js": 30_000 };

const INBOX = join(HERE, "live-inbox", "src");

/** The modules of the component that are others in a package. */
const INSTEAD = new Map([[join(FRONTEND, "inbox", "own_address.ts"), join(INBOX, "scripts_beside.ts")]]);

const replaced = {
  name: "replaced modules",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const found = INSTEAD.get(resolve(resolveDir, path.replace(/\.js$/, ".ts")));
      return found ? { path: found } : undefined;
    }),
};

/** A server that renders pages can import the element, although it has nothing to extend. */
const withoutBrowser = {
  name: "import without a browser",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/inbox\/notification_inbox\.ts$/ }, ({ path }) => {
      const text = fs.readFileSync(path, "utf8");
      const contents = text.replace(" extends HTMLElement ", " extends (globalThis.HTMLElement ?? class {}) ");
      if (contents === text) throw new Error("NotificationInbox does not extend HTMLElement.");
      return { contents, loader: "ts" };
    }),
};

const SETTINGS = {
  // The comments in a bundle name modules by their paths from here.
  absWorkingDir: FRONTEND,
  bundle: true,
  splitting: true,
  format: "esm",
  target: TARGET,
  packages: "external",
  jsx: "automatic",
  // What packages import of each other stays an import.
  tsconfigRaw: "{}",
  legalComments: "none",
  logLevel: "warning",
  chunkNames: "parts/[name]-[hash]",
};

async function buildInbox(dist) {
  await build({
    ...SETTINGS,
    entryPoints: ["index", "store", "documents", "element"].map((name) => join(INBOX, `${name}.ts`)),
    outdir: dist,
    plugins: [replaced, shadowStyles(TARGET), withoutBrowser],
  });
  for (const path of fs.readdirSync(dist, { recursive: true })) if (path.endsWith(".js")) dropBareImports(join(dist, path));
}

/** Take out imports of parts of which nothing is used: no module does anything when it is loaded, but the element. */
function dropBareImports(path) {
  fs.writeFileSync(path, fs.readFileSync(path, "utf8").replace(/^import "\.[^"]*";\n/gm, ""));
}

async function buildReact(dist) {
  // Next takes the modules of a package for those of a server, unless they say that they are not.
  const banner = { js: '"use client";' };
  await build({ ...SETTINGS, entryPoints: [join(HERE, "live-inbox-react", "src", "index.ts")], outdir: dist, banner });
}

/** Write the declarations of both packages into a directory. */
function declare(directory) {
  const compiler = join(FRONTEND, "node_modules", "typescript", "bin", "tsc");
  run(process.execPath, [compiler, "-p", HERE, "--outDir", directory]);
}

/** Write what a package has beside its modules. Its version is that of the Python package, and so is that of its peer. */
function stage(name, directory) {
  const source = join(HERE, name);
  const [, version] = /__version__ = "(.*)"/.exec(fs.readFileSync(join(ROOT, "backend/live_inbox/__init__.py"), "utf8"));
  const { name: named, ...rest } = JSON.parse(fs.readFileSync(join(source, "package.json"), "utf8"));
  const description = { name: named, version, ...rest };
  if (description.peerDependencies["live-inbox"]) description.peerDependencies["live-inbox"] = version;
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(join(directory, "package.json"), `${JSON.stringify(description, null, 2)}\n`);
  fs.copyFileSync(join(source, "README.md"), join(directory, "README.md"));
  fs.copyFileSync(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
}

/** Bundle what a project gets that imports a module, and return its size, compressed. */
async function sizeOf(path) {
  const { outputFiles } = await build({
    ...SETTINGS,
    packages: "bundle",
    splitting: true,
    minify: true,
    entryPoints: [path],
    outdir: join(HERE, "unused"),
    nodePaths: [join(FRONTEND, "node_modules")],
    write: false,
  });
  const entry = outputFiles.find(({ path: out }) => !out.includes("parts"));
  // What is imported when needed is not part of it.
  return gzipSync(entry.contents, { level: 9 }).length;
}

async function checkSizes(dist) {
  for (const [name, most] of Object.entries(MOST_BYTES)) {
    const size = await sizeOf(join(dist, name));
    console.error(`${name}: ${size} bytes, compressed`);
    if (size > most) throw new Error(`${name} has ${size} bytes, compressed; at most ${most} are allowed.`);
  }
}

function run(command, arguments_) {
  const done = spawnSync(command, arguments_, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${done.error ?? ""}${done.stdout}${done.stderr}`);
  return done.stdout;
}

// npm packs the permissions of files, and a release has the same bytes on every machine.
process.umask(0o022);
const target = resolve(process.argv[2] ?? join(HERE, "dist"));
fs.rmSync(join(target, "unpacked"), { recursive: true, force: true });
// Of another version, perhaps.
for (const name of fs.existsSync(target) ? fs.readdirSync(target) : [])
  if (/^live-inbox(-react)?-\d.*\.tgz$/.test(name)) fs.rmSync(join(target, name));
const [inbox, react] = ["live-inbox", "live-inbox-react"].map((name) => join(target, "unpacked", name));
stage("live-inbox", inbox);
stage("live-inbox-react", react);
await buildInbox(join(inbox, "dist"));
await buildReact(join(react, "dist"));
declare(join(inbox, "dist", "types"));
const reactTypes = join("packages", "live-inbox-react");
fs.mkdirSync(join(react, "dist", "types", "packages"), { recursive: true });
fs.renameSync(join(inbox, "dist", "types", reactTypes), join(react, "dist", "types", reactTypes));
await checkSizes(join(inbox, "dist"));
for (const directory of [inbox, react]) {
  const done = npm(["pack", "--json", "--pack-destination", target], directory);
  if (done.status !== 0) throw new Error(`${done.error ?? ""}${done.stderr}`);
  console.log(join(target, JSON.parse(done.stdout)[0].filename));
}
