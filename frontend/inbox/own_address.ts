/** The address of the component's script, as the page has it; undefined within another script. */

// `currentScript` is only set while a classic script runs for the first time; for a module it is null.
export const ownAddress: string | undefined =
  (globalThis.document?.currentScript as HTMLScriptElement | null)?.src ??
  globalThis.document?.querySelector<HTMLScriptElement>('script[src*="notification-inbox"]')?.src;
