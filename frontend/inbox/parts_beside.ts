/** In the place of parts.ts (build.mjs): scripts beside that of the component, as the languages are. */

import { loadBeside } from "./own_address.js";

export const loadContentParts = (): Promise<typeof import("./content_parts.js")> => loadBeside("parts");

export const loadPreferencesView = (): Promise<typeof import("./preferences_view.js")> => loadBeside("preferences");

export const loadSearch = (): Promise<typeof import("./search.js")> => loadBeside("search");

export const loadSnoozeMenu = (): Promise<typeof import("./snooze_menu.js")> => loadBeside("snooze");

export const loadDiagnosis = (): Promise<typeof import("./diagnosis.js")> => loadBeside("diagnosis");

export const loadAlerts = (): Promise<typeof import("./alerts.js")> => loadBeside("alerts");

export const loadRowWindow = (): Promise<typeof import("./row_window.js")> => loadBeside("rows");

export const loadSharedSource = (): Promise<typeof import("./shared_source.js")> => loadBeside("sharing");
