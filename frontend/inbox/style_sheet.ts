import css from "./inbox.shadow.css";

let sheet: CSSStyleSheet | undefined;

/** The component's style sheet. Constructed, not inserted as markup: a strict CSP allows it. */
export function styleSheet(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
}
