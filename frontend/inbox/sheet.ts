import css from "./inbox.shadow.css";

let made: CSSStyleSheet | undefined;

/** The component's style sheet. Constructed, not inserted as markup: a strict CSP allows it. */
export function sheet(): CSSStyleSheet {
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(css);
  }
  return made;
}
