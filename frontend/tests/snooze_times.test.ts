import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import {
  canSnoozeUntil,
  choiceLimits,
  fromLocalTime,
  presetTimes,
  toLocalTime,
  tomorrowMorning,
} from "../inbox/snooze_times.js";

const ZONE = process.env["TZ"];

afterEach(() => {
  if (ZONE === undefined) delete process.env["TZ"];
  else process.env["TZ"] = ZONE;
});

/** Return the choices at a local time, with their local times. */
function choicesAt(zone: string, now: string): Record<string, string> {
  process.env["TZ"] = zone;
  return Object.fromEntries(presetTimes(new Date(now)).map(([name, until]) => [name, toLocalTime(until)]));
}

describe("the choices", () => {
  test("are in an hour, this evening, tomorrow morning and on Monday", () => {
    assert.deepEqual(choicesAt("Europe/Berlin", "2026-01-15T12:34:56.789"), {
      inOneHour: "2026-01-15T13:35",
      thisEvening: "2026-01-15T18:00",
      tomorrowMorning: "2026-01-16T08:00",
      nextWeek: "2026-01-19T08:00",
    });
  });

  test("are in the order of their times, at any minute of two weeks", () => {
    process.env["TZ"] = "America/New_York";
    const start = new Date("2026-03-01T00:00").getTime();
    for (let minute = 0; minute < 14 * 1_440; minute += 7) {
      const now = new Date(start + minute * 60_000);
      const times = presetTimes(now).map(([, until]) => until.getTime());
      assert.deepEqual([...new Set(times)].sort((a, b) => a - b), times, now.toString());
      for (const time of times) assert.ok(canSnoozeUntil(new Date(time), now), now.toString());
    }
  });

  test("an hour is never less than one, and the minute that is shown", () => {
    process.env["TZ"] = "UTC";
    const untilOf = (now: string): string | undefined => presetTimes(new Date(now))[0]?.[1].toISOString();
    assert.equal(untilOf("2026-01-15T12:00:00.000Z"), "2026-01-15T13:00:00.000Z");
    assert.equal(untilOf("2026-01-15T12:00:00.001Z"), "2026-01-15T13:01:00.000Z");
  });

  for (const [now, isOffered] of [
    ["2026-01-15T16:59", true],
    ["2026-01-15T17:00", false],
    ["2026-01-15T18:00", false],
    ["2026-01-15T23:59", false],
  ] as const) {
    test(`this evening is ${isOffered ? "" : "not "}offered at ${now}`, () => {
      assert.equal("thisEvening" in choicesAt("Asia/Tokyo", now), isOffered);
    });
  }

  for (const [day, now, monday] of [
    ["Monday", "2026-01-12T09:00", "2026-01-19T08:00"],
    ["Monday before eight", "2026-01-12T07:00", "2026-01-19T08:00"],
    ["Saturday", "2026-01-17T23:59", "2026-01-19T08:00"],
    // That is tomorrow morning.
    ["Sunday", "2026-01-18T12:00", undefined],
    ["Wednesday before the new year", "2026-12-30T12:00", "2027-01-04T08:00"],
  ] as const) {
    test(`next week, on a ${day}, is ${monday ?? "tomorrow"}`, () => {
      assert.equal(choicesAt("Asia/Tokyo", now)["nextWeek"], monday);
    });
  }

  test("mornings are at eight after the clocks have changed", () => {
    const spring = choicesAt("Europe/Berlin", "2026-03-28T12:00");
    assert.deepEqual([spring["tomorrowMorning"], spring["nextWeek"]], ["2026-03-29T08:00", "2026-03-30T08:00"]);
    process.env["TZ"] = "Europe/Berlin";
    assert.equal(tomorrowMorning(new Date("2026-03-28T12:00")).toISOString(), "2026-03-29T06:00:00.000Z");
    assert.equal(tomorrowMorning(new Date("2026-10-24T12:00")).toISOString(), "2026-10-25T07:00:00.000Z");
  });

  test("an hour is an hour when the clocks change", () => {
    assert.equal(choicesAt("Europe/Berlin", "2026-03-29T01:30")["inOneHour"], "2026-03-29T03:30");
    assert.equal(choicesAt("Europe/Berlin", "2026-10-25T02:30")["inOneHour"], "2026-10-25T02:30");
  });

  test("tomorrow is another day just before and after midnight", () => {
    assert.equal(choicesAt("America/Sao_Paulo", "2026-01-31T23:59")["tomorrowMorning"], "2026-02-01T08:00");
    assert.equal(choicesAt("America/Sao_Paulo", "2026-02-01T00:00")["tomorrowMorning"], "2026-02-02T08:00");
  });
});

describe("the field", () => {
  test("takes minutes from the next one to 366 days from now", () => {
    process.env["TZ"] = "UTC";
    for (const now of ["2026-01-15T12:00:00.000Z", "2026-01-15T12:00:59.999Z"].map((text) => new Date(text))) {
      const { first, last } = choiceLimits(now);
      assert.equal(first.toISOString(), "2026-01-15T12:01:00.000Z");
      assert.equal(last.toISOString(), "2027-01-16T12:00:00.000Z");
      assert.ok(canSnoozeUntil(first, now) && canSnoozeUntil(last, now));
      assert.ok(!canSnoozeUntil(new Date(last.getTime() + 60_000), now));
      assert.ok(!canSnoozeUntil(now, now) && !canSnoozeUntil(new Date(Number.NaN), now));
    }
  });

  test("has local times", () => {
    process.env["TZ"] = "Asia/Kathmandu";
    const now = new Date("2026-01-15T00:00:00Z");
    assert.equal(toLocalTime(now), "2026-01-15T05:45");
    assert.equal(fromLocalTime("2026-01-15T05:46", now).toISOString(), "2026-01-15T00:01:00.000Z");
  });

  test("a time that comes twice is the one to come", () => {
    process.env["TZ"] = "Europe/Berlin";
    const of = (now: string): string => fromLocalTime("2026-10-25T02:30", new Date(now)).toISOString();
    assert.equal(of("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00.000Z");
    assert.equal(of("2026-10-25T00:30:00Z"), "2026-10-25T01:30:00.000Z");
    assert.equal(of("2026-10-25T01:15:00Z"), "2026-10-25T01:30:00.000Z");
  });

  test("a time that is left out is as much later", () => {
    process.env["TZ"] = "Europe/Berlin";
    const moment = fromLocalTime("2026-03-29T02:30", new Date("2026-03-28T12:00"));
    assert.equal(toLocalTime(moment), "2026-03-29T03:30");
  });

  test("a time that is over stays over", () => {
    process.env["TZ"] = "Europe/Berlin";
    const now = new Date("2026-01-15T12:00");
    assert.ok(!canSnoozeUntil(fromLocalTime("2026-01-15T11:30", now), now));
  });
});
