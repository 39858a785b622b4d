// Waiting for events with a deadline, so that a test that would hang fails and says what it waited for.

const DEADLINE_MS = Number(process.env.CARILLON_TEST_DEADLINE_MS ?? 20_000);

/** Resolves as `promise`, or rejects when it takes too long. */
export async function deadline(promise, what, details = () => '', ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${ms} ms still waiting until ${what}\n${details()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A list that grows, and on which one can wait. */
export class Growing {
  items = [];
  #waiters = new Set();

  push(item) {
    this.items.push(item);
    for (const check of [...this.#waiters]) check();
  }

  /** Resolves with `pick(items)` as soon as that is neither undefined nor false. */
  until(pick, what) {
    const found = pick(this.items);
    if (found !== undefined && found !== false) return Promise.resolve(found);
    let check;
    const promise = new Promise((resolve) => {
      check = () => {
        const value = pick(this.items);
        if (value !== undefined && value !== false) resolve(value);
      };
      this.#waiters.add(check);
    });
    const seen = () => `seen: ${JSON.stringify(this.items.slice(-10))}`;
    return deadline(promise, what, seen).finally(() => this.#waiters.delete(check));
  }

  /** Resolves once there are `count` items. */
  untilCount(count, what = `there are ${count}`) {
    return this.until((items) => items.length >= count && items, what);
  }
}
