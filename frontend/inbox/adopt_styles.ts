/** Style sheets of the parts that are loaded later. */

const sheets = new Map<string, CSSStyleSheet>();

/** Apply a style sheet in a shadow tree, once. */
export function adoptStyles(root: ShadowRoot, css: string): void {
  const sheet = sheets.get(css) ?? new CSSStyleSheet();
  if (!sheets.has(css)) sheet.replaceSync(css);
  sheets.set(css, sheet);
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}
