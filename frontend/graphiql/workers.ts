/** Monaco's workers: bundles of their own, at addresses of this site. */

/** The names of their files; put in by the build. */
declare const WORKER_FILES: Record<string, string>;

// Only while this script runs for the first time is it known where it comes from.
const base = (document.currentScript as HTMLScriptElement).src;

function file(label: string): string {
  const name = label === "json" || label === "graphql" ? label : "editor";
  return WORKER_FILES[`${name}.worker`] ?? "";
}

window.MonacoEnvironment = {
  getWorker: (_id: string, label: string) => new Worker(new URL(file(label), base), { name: label }),
};

export {};
