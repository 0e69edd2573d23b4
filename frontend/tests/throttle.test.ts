import assert from "node:assert/strict";
import { test } from "node:test";
import { Throttle } from "../inbox/throttle.js";

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

test("what is requested runs at once, and then once after the pause for all that was requested meanwhile", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let runs = 0;
  let finish = (): void => undefined;
  const throttle = new Throttle(() => {
    runs += 1;
    return new Promise((resolve) => {
      finish = resolve;
    });
  }, 500);
  throttle.request();
  throttle.request();
  assert.equal(runs, 1);
  finish();
  await settle();
  throttle.request();
  context.mock.timers.tick(499);
  assert.equal(runs, 1);
  context.mock.timers.tick(1);
  assert.equal(runs, 2);
  finish();
  await settle();
  context.mock.timers.tick(500);
  assert.equal(runs, 2);
  throttle.request();
  assert.equal(runs, 3);
});

test("what fails can be requested again", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let runs = 0;
  const throttle = new Throttle(() => {
    runs += 1;
    return Promise.reject(new Error("no"));
  }, 500);
  throttle.request();
  await settle();
  context.mock.timers.tick(500);
  throttle.request();
  assert.equal(runs, 2);
});

test("what never ends can be given up", () => {
  let runs = 0;
  const throttle = new Throttle(() => {
    runs += 1;
    return new Promise(() => undefined);
  }, 500);
  throttle.request();
  throttle.request();
  assert.equal(runs, 1);
  throttle.reset();
  throttle.request();
  assert.equal(runs, 2);
});
