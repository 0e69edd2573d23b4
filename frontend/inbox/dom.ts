/** Creates DOM elements. Text is inserted as text: nothing in this package parses HTML. */

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Create an HTML element. An attribute that is false, null or undefined is left out. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const created = document.createElement(name);
  setAttributes(created, attributes);
  for (const child of children) if (child || child === "") created.append(child);
  return created;
}

export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    // What is as it was is not set again: observers and screen readers would take it for a change.
    const text = value === true ? "" : String(value);
    if (value === false || value === null || value === undefined) {
      if (target.hasAttribute(name)) target.removeAttribute(name);
    } else if (target.getAttribute(name) !== text) target.setAttribute(name, text);
  }
}

/** Set a text, if it is another one. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

const PATHS = {
  archive: "M4 5h16v4H4Zm1.5 4v10h13V9M10 13h4",
  bell: "M6 9a6 6 0 1 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7Zm3.5 10a2.6 2.6 0 0 0 5 0",
  check: "m5 12.5 4.5 4.5L19 7.5",
  checks: "m2.5 12.5 4 4L15 8m-4.5 8L11 16.5 21.5 6",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4.5l3 2",
  dot: "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z",
  inbox: "M4 13h5a3 3 0 0 0 6 0h5M4 13V6h16v7M4 13v6h16v-6",
  pin: "m9 4 6 0-1 6 3 4H7l3-4Zm3 10v6",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 4 4",
  trash: "M5 7h14M10 7V4.5h4V7m3.5 0-1 12.5h-9L6.5 7M10 11v5m4-5v5",
  tune: "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 4.5v5m-7 5v5",
  close: "m6.5 6.5 11 11m0-11-11 11",
} as const;

export type IconName = keyof typeof PATHS;

/** Create an icon, hidden from screen readers. */
export function icon(name: IconName): SVGSVGElement {
  return drawing(PATHS[name]);
}

/** Create an icon of a path on 24 by 24. */
export function drawing(d: string): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  setAttributes(svg, { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" });
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}

/** Create a button that shows only an icon: `name` says what it does. It needs no type, for it is in no form. */
export function tool(symbol: IconName): HTMLButtonElement {
  return element("button", { class: "tool" }, icon(symbol));
}

export function name(button: HTMLButtonElement, label: string): void {
  setAttributes(button, { title: label, "aria-label": label });
}
