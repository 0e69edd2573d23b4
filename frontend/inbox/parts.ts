/**
 * The parts of the component that not every page needs, loaded when they are. Where the component is a script of its own,
 * parts_beside.ts takes the place of this module (build.mjs).
 */

/** Show pictures, choices, groups and formatted messages in rows. */
export const loadContentParts = (): Promise<typeof import("./content_parts.js")> => import("./content_parts.js");

/** Show the preferences. */
export const loadPreferencesView = (): Promise<typeof import("./preferences_view.js")> => import("./preferences_view.js");

/** Search, filter, and change all that is found. */
export const loadSearch = (): Promise<typeof import("./search.js")> => import("./search.js");

/** Ask until when to snooze. */
export const loadSnoozeMenu = (): Promise<typeof import("./snooze_menu.js")> => import("./snooze_menu.js");

/** Find out, for developers, why the server does not serve this page. */
export const loadDiagnosis = (): Promise<typeof import("./diagnosis.js")> => import("./diagnosis.js");

/** Tell users of arrivals when they do not look at the list. */
export const loadAlerts = (): Promise<typeof import("./alerts.js")> => import("./alerts.js");

/** Keep only the rows of a long list in the document that are near what is seen. */
export const loadRowWindow = (): Promise<typeof import("./row_window.js")> => import("./row_window.js");

/** Share one connection among the tabs of a browser. */
export const loadSharedSource = (): Promise<typeof import("./shared_source.js")> => import("./shared_source.js");
