/**
 * Type-checks the TypeScript sources and runs their tests: `node frontend/check.mjs`. The tests are bundled for
 * Node first, so that any supported Node can run them. `node frontend/check.mjs --programs` only bundles the
 * programs that tests of the product start, into a directory of their own.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const isForPrograms = process.argv.includes("--programs");
const out = join(here, "node_modules", isForPrograms ? ".programs" : ".tests");

const { build } = await import("esbuild");
const tests = isForPrograms
  ? ["limited_follower.ts", "stream_clients.ts"]
  : readdirSync(join(here, "tests")).filter((name) => name.endsWith(".test.ts"));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: tests.map((name) => join(here, "tests", name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  loader: { ".md": "text" },
  format: "esm",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
if (isForPrograms) process.exit();
const typecheck = spawnSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "-p", here], {
  stdio: "inherit",
});
const files = tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const run = spawnSync(
  process.execPath,
  ["--test", "--enable-source-maps", "--test-timeout=60000", "--test-force-exit", ...process.argv.slice(2), ...files],
  { stdio: "inherit" },
);
process.exitCode = typecheck.status || run.status || 0;
