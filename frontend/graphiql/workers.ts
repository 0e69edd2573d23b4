/** Monaco's workers: separate bundles, served by this site. */

import { workerAddress } from "./trusted_types.js";

/** The names of their files; the build defines them. */
declare const WORKER_FILES: Record<string, string>;

// `currentScript` is only set while the script runs for the first time.
const base = (document.currentScript as HTMLScriptElement).src;

function file(label: string): string {
  const name = label === "json" || label === "graphql" ? label : "editor";
  return WORKER_FILES[`${name}.worker`] ?? "";
}

window.MonacoEnvironment = {
  getWorker: (_id: string, label: string) =>
    new Worker(workerAddress(new URL(file(label), base)), { name: label }),
};
