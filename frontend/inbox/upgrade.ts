/** Properties that a page has set on an element before the element was defined. */

/**
 * Set the properties again, so that they reach the setters of the class: until the script had loaded, they were plain
 * properties of the element and would hide the setters for ever.
 */
export function upgradeProperties(target: HTMLElement, names: readonly string[]): void {
  const properties = target as unknown as Record<string, unknown>;
  for (const name of names) {
    if (!Object.hasOwn(target, name)) continue;
    const value = properties[name];
    delete properties[name];
    properties[name] = value;
  }
}
