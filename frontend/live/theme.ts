/** Light, dark, or as the system has it. */

const KEY = "live-inbox:theme";
const THEMES = ["auto", "light", "dark"] as const;

/** Let a button go through the themes, and keep the choice. */
export function followTheme(button: HTMLButtonElement | null): void {
  let theme = read();
  const show = (): void => {
    document.documentElement.dataset["theme"] = theme;
    if (button) button.textContent = `Theme: ${theme}`;
  };
  show();
  button?.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage is switched off: the choice holds for this page.
    }
    show();
  });
}

function read(): (typeof THEMES)[number] {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}
