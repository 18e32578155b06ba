// SPDX-License-Identifier: MIT
//
// scope.mjs - what a test or a suite has started, ended in the reverse order, all of it, even when one end goes wrong.

export class Scope {
  #endings = [];

  after(ending) {
    this.#endings.push(ending);
  }

  async close() {
    const failures = [];
    for (const ending of this.#endings.splice(0).reverse()) {
      try {
        await ending();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length === 1) {
      throw failures[0];
    }
    if (failures.length > 1) {
      throw new AggregateError(failures, failures.map((failure) => failure.message).join('\n'));
    }
  }
}

/** The scope of one test. */
export function scopeOf(test) {
  const scope = new Scope();
  test.after(() => scope.close());
  return scope;
}
