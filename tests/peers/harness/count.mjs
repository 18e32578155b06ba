// SPDX-License-Identifier: MIT
//
// count.mjs - a reporter of node's test runner that only counts. Its last line is what tests/peers/run prints last.

function isSuite(event) {
  return event.data.details?.type === 'suite';
}

/** A suite is counted when it went wrong itself: when something could not be started, or did not end well. */
function suiteFailed(event) {
  return event.data.details.error?.failureType !== 'subtestsFailed';
}

export default async function* count(events) {
  let passed = 0;
  let failed = 0;
  for await (const event of events) {
    if (event.type === 'test:pass' && event.data.skip !== undefined) {
      yield `skipped: ${event.data.name}: ${event.data.skip}\n`;
    } else if (event.type === 'test:pass' && !isSuite(event)) {
      passed += 1;
    } else if (event.type === 'test:fail' && (!isSuite(event) || suiteFailed(event))) {
      failed += 1;
    }
  }
  yield `peers: ${passed} passed, ${failed} failed\n`;
}
