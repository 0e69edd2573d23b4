import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addLanguages } from "../inbox/languages.js";
import ar from "../inbox/languages/ar.js";
import de from "../inbox/languages/de.js";
import { en } from "../inbox/languages/en.js";
import * as parts from "../inbox/languages/en_parts.js";
import es from "../inbox/languages/es.js";
import fr from "../inbox/languages/fr.js";
import ja from "../inbox/languages/ja.js";
import { type Counted, type Strings, Texts } from "../inbox/strings.js";

addLanguages({ ar, de, es, fr, ja });

const PART_WORDS: parts.PartWords = Object.assign({}, ...Object.values(parts));

const valuesIn = (text: Counted): string[] => {
  const other = typeof text === "string" ? text : text.other;
  return (other.match(/\{\w+\}/g) ?? []).sort();
};

describe("languages", () => {
  for (const [name, language] of Object.entries({ ar, de, es, fr, ja })) {
    test(`${name} has the values of every text`, () => {
      for (const [key, text] of Object.entries({ ...en, ...PART_WORDS })) {
        assert.deepEqual(valuesIn(language[key as keyof Strings]), valuesIn(text), key);
      }
    });
  }

  test("have the plural of their numbers", () => {
    const arrived = (locale: string, n: number): string => new Texts(locale).count("arrivedMany", n);
    assert.equal(arrived("en", 1), "1 new notification");
    assert.equal(arrived("en", 5_000), "5,000 new notifications");
    assert.equal(arrived("de-AT", 2), "2 neue Benachrichtigungen");
    assert.equal(arrived("fr", 0), "0 nouvelle notification");
    assert.equal(arrived("ar", 2), "إشعاران جديدان");
  });

  test("that are not known are English, with numbers of their own", () => {
    const texts = new Texts("hi-IN");
    assert.deepEqual([texts.language, texts.count("unreadCount", 123_456)], ["en", "1,23,456 unread"]);
  });

  test("can be replaced text by text", () => {
    const texts = new Texts("de", { heading: "Post", unreadCount: { one: "eine neue", other: "{n} neue" } });
    assert.deepEqual([texts.text("heading"), texts.count("unreadCount", 1), texts.text("undo")], ["Post", "eine neue", "Rückgängig"]);
  });

  test("take the words of a part, unless they have their own", () => {
    const english = new Texts("en", { pickTime: "Any time" });
    const german = new Texts("de");
    for (const texts of [english, german]) texts.add(PART_WORDS);
    assert.deepEqual([english.text("pickTime"), english.text("nextWeek")], ["Any time", "Next week"]);
    assert.equal(german.text("nextWeek"), "Nächste Woche");
  });

  test("take values as they are", () => {
    assert.equal(new Texts("en").text("arrived", { title: "{n} $& {title}" }), "New notification: {n} $& {title}");
  });
});
