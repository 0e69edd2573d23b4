/** The colour theme: light, dark, or the system's. */

const THEME_KEY = "live-inbox:theme";
const THEMES = ["auto", "light", "dark"] as const;

/** Apply the stored theme; the button switches to the next one and stores it. */
export function initTheme(button: HTMLButtonElement | null): void {
  let theme = read();
  const show = (): void => {
    document.documentElement.dataset["theme"] = theme;
    if (button) button.textContent = `Theme: ${theme}`;
  };
  show();
  button?.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
    try {
      localStorage.setItem(THEME_KEY, theme);
    } catch {
      // Storage is switched off: the choice holds for this page.
    }
    show();
  });
}

function read(): (typeof THEMES)[number] {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(THEME_KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}
