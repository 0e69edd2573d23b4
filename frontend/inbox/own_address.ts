/** The component's script, as the page has it, and the scripts beside it. */

// With its name: within the script of a page that has the component in it, nothing is beside it.
const OWN = 'script[src*="notification-inbox."]';
const page = globalThis.document;

/** The address of the script; undefined within another script. */
// `currentScript` is only set while a classic script runs for the first time; for a module it is null.
export const ownAddress: string | undefined = (
  page?.currentScript?.closest<HTMLScriptElement>(OWN) ?? page?.querySelector<HTMLScriptElement>(OWN)
)?.src;

/** Whether there are scripts beside it. */
export const hasScriptsBeside = ownAddress !== undefined;

/** Load a script from beside the component's own. Rejects if there is none. */
export function loadBeside<Module>(name: string): Promise<Module> {
  const url = ownAddress?.replace(/notification-inbox[^/]*$/, `notification-inbox.${name}.js`);
  return import(url as string) as Promise<Module>;
}
