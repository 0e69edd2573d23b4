/** In the place of inbox/own_address.ts (build.mjs): bundlers know where the parts are that are loaded when needed. */

export const ownAddress: string | undefined = undefined;

export const hasScriptsBeside = true;

const PARTS: Record<string, () => Promise<unknown>> = {
  ar: () => import("../../../inbox/languages/ar.js"),
  de: () => import("../../../inbox/languages/de.js"),
  es: () => import("../../../inbox/languages/es.js"),
  fr: () => import("../../../inbox/languages/fr.js"),
  ja: () => import("../../../inbox/languages/ja.js"),
};

/** Load a part of the component. Rejects if there is none of this name. */
export async function loadBeside<Module>(name: string): Promise<Module> {
  const load = PARTS[name];
  if (!load) throw new Error(`There is no part ${name}.`);
  return (await load()) as Module;
}
