/**
 * Builds the web pages into the static files of the app: `node frontend/build.mjs`.
 *
 * Installs the packages in the lockfile (those of the tests as well with `--with-tests`), bundles, compresses, and
 * writes `manifest.json`, in which Django looks up the file names: each contains a hash of the content. If
 * nothing has changed since the last build, this takes a few milliseconds. If the build is not possible, it
 * prints one line with the reason.
 */

import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { npm } from "./npm.mjs";
import { shadowStyles } from "./shadow_styles.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGES = join(HERE, "node_modules");
const DIST = join(HERE, "..", "backend", "live_inbox", "static", "live_inbox", "web");
const OLDEST_NODE = 20;
const TARGET = ["chrome123", "firefox121", "safari17.5"];

/** Entry points by their name in the manifest. Workers are built first: GraphiQL contains their file names. */
const WORKERS = {
  "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
  "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
};
/** The scripts beside the component, which it loads when it needs them, are languages other than English and parts. */
const LANGUAGES = ["ar", "de", "es", "fr", "ja"];

/** The most that the component may have, in bytes compressed with gzip. */
const COMPONENT_BYTES = 30_000;

const COMPONENT = { "notification-inbox": "inbox/index.ts" };
const PAGES = {
  live: "live/main.ts",
  graphiql: "graphiql/main.tsx",
  icon: "live/icon.svg",
};
const SOURCES = ["build.mjs", "shadow_styles.mjs", "package-lock.json", "client", "inbox", "live", "graphiql"];

class BuildError extends Error {}

async function main(options) {
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    throw new BuildError(`Node ${process.versions.node} is too old: ${OLDEST_NODE} or newer is needed.`);
  }
  install(options.includes("--with-tests"));
  const stamp = hash(SOURCES.flatMap((source) => files(join(HERE, source))));
  if (!options.includes("--force") && read(join(DIST, "stamp")) === stamp) return;
  console.log("Building the web pages ...");
  // In a separate directory until it is complete: a running server goes on serving the old files.
  const unfinished = `${DIST}.unfinished`;
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { recursive: true });
  await bundle(unfinished);
  await compress(unfinished);
  checkSize(unfinished);
  fs.writeFileSync(join(unfinished, "stamp"), stamp);
  fs.rmSync(DIST, { recursive: true, force: true });
  fs.renameSync(unfinished, DIST);
}

// -- packages --------------------------------------------------------------------------------------------

function install(withTests) {
  const lock = hash([join(HERE, "package-lock.json")]);
  const stamp = join(PACKAGES, ".installed");
  const wanted = withTests ? [`${lock} all`] : [`${lock} all`, `${lock} pages`];
  if (wanted.includes(read(stamp))) return;
  console.log("Installing the packages of the web pages (a minute or less) ...");
  fs.rmSync(stamp, { force: true });
  const arguments_ = ["ci", "--loglevel=error", ...(withTests ? ["--include=dev"] : ["--omit=dev"])];
  const done = npm(arguments_, HERE);
  if (done.error || done.status !== 0) {
    const output = `${done.error ?? ""}${done.stdout ?? ""}${done.stderr ?? ""}`.trim().split("\n");
    throw new BuildError(`The packages of the web pages could not be installed: ${output[0] ?? "npm failed"}`);
  }
  fs.writeFileSync(stamp, wanted.at(-1));
}

// -- bundles ---------------------------------------------------------------------------------------------

async function bundle(outdir) {
  const { build } = await import("esbuild");
  const manifest = {};
  const run = async (entryPoints, { define = {}, format = "iife", plugins = [] } = {}) => {
    const { metafile } = await build({
      absWorkingDir: HERE,
      entryPoints: Object.entries(entryPoints).map(([out, source]) => ({ in: source, out })),
      outdir,
      bundle: true,
      minify: true,
      format,
      target: TARGET,
      jsx: "automatic",
      entryNames: "[name].[hash]",
      assetNames: "[name].[hash]",
      plugins: [shadowStyles(TARGET), ...plugins],
      loader: { ".woff2": "file", ".svg": "copy", ".ttf": "dataurl" },
      define: { "process.env.NODE_ENV": '"production"', ...define },
      // The names of bundles depend on the paths of modules: as they are from here, wherever node_modules leads.
      preserveSymlinks: true,
      legalComments: "linked",
      metafile: true,
      logLevel: "warning",
    });
    for (const [path, output] of Object.entries(metafile.outputs)) {
      const name = basename(path);
      const logical = name.replace(/\.[A-Z0-9]{8}(?=\.)/, "");
      if (output.entryPoint || logical.endsWith(".css") || /\.(woff2|svg)$/.test(name)) {
        manifest[logical] = name;
      }
    }
  };
  const workers = Object.entries(WORKERS).map(([name, path]) => [name, join(PACKAGES, path)]);
  await run(Object.fromEntries(workers));
  const workerFiles = JSON.stringify(
    Object.fromEntries(Object.keys(WORKERS).map((name) => [name, manifest[`${name}.js`]])),
  );
  const languages = LANGUAGES.map((name) => [`notification-inbox.${name}`, `inbox/languages/${name}.ts`]);
  const parts = {
    "notification-inbox.http": "client/http_socket.ts",
    "notification-inbox.parts": "inbox/content_parts.ts",
    "notification-inbox.alerts": "inbox/alerts.ts",
    "notification-inbox.preferences": "inbox/preferences_view.ts",
    "notification-inbox.search": "inbox/search.ts",
    "notification-inbox.snooze": "inbox/snooze_menu.ts",
    "notification-inbox.rows": "inbox/row_window.ts",
    "notification-inbox.diagnosis": "inbox/diagnosis.ts",
    "notification-inbox.sharing": "inbox/shared_source.ts",
  };
  const beside = { ...Object.fromEntries(languages), ...parts };
  await run(beside, { format: "esm" });
  await run(COMPONENT, { plugins: [partsBeside] });
  await run(PAGES, { define: { WORKER_FILES: workerFiles } });
  fs.writeFileSync(join(outdir, "manifest.json"), JSON.stringify(manifest, null, 2));
}

/** The component loads parts from beside it. A page's own script, whose address nobody knows, has them inside. */
const partsBeside = {
  name: "parts beside the component",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/load_http_socket\.js$/ }, () => ({ path: join(HERE, "inbox", "load_http_socket.ts") }));
    onResolve({ filter: /^\.\/parts\.js$/ }, () => ({ path: join(HERE, "inbox", "parts_beside.ts") }));
  },
};

function checkSize(directory) {
  const manifest = JSON.parse(read(join(directory, "manifest.json")));
  const { size } = fs.statSync(join(directory, `${manifest["notification-inbox.js"]}.gz`));
  if (size > COMPONENT_BYTES) {
    throw new BuildError(`The web component has ${size} bytes, compressed; at most ${COMPONENT_BYTES} are allowed.`);
  }
}

async function compress(directory) {
  const texts = files(directory).filter((path) => /\.(js|css|svg)$/.test(path));
  const quality = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 9 } };
  await Promise.all(
    texts.map(async (path) => {
      const content = fs.readFileSync(path);
      const [gz, br] = await Promise.all([
        promisify(zlib.gzip)(content, { level: 9 }),
        promisify(zlib.brotliCompress)(content, quality),
      ]);
      fs.writeFileSync(`${path}.gz`, gz);
      fs.writeFileSync(`${path}.br`, br);
    }),
  );
}

// -- files -----------------------------------------------------------------------------------------------

function files(path) {
  if (!fs.existsSync(path)) return [];
  if (!fs.statSync(path).isDirectory()) return [path];
  const entries = fs.readdirSync(path).sort();
  return entries.flatMap((entry) => files(join(path, entry)));
}

function hash(paths) {
  const digest = createHash("sha256");
  for (const path of paths) {
    const content = fs.readFileSync(path);
    digest.update(`${relative(HERE, path)} ${content.length} `).update(content);
  }
  return digest.digest("hex");
}

function read(path) {
  return fs.existsSync(path) ? fs.readFileSync(path, "utf8") : undefined;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
