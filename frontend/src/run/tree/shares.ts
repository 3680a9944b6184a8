/** What spans add to the sums of their branches. Pure. */

/** What one span adds to the sums of its branch. */
export interface Share {
  /** nano-USD */
  readonly cost: number;
  readonly priced: number;
  readonly unpriced: number;
  readonly errors: number;
  /** 1 for an ended LLM attempt, and for a span that tells what the attempts within it came to. */
  readonly llm: number;
}

export type Totals = { -readonly [K in keyof Share]: Share[K] };

export const NOTHING: Share = { cost: 0, priced: 0, unpriced: 0, errors: 0, llm: 0 };

export function isNothing(share: Share): boolean {
  return (
    share.cost === 0 && share.priced === 0 && share.unpriced === 0 && share.errors === 0 && share.llm === 0
  );
}

export function sum(a: Share, b: Share): Share {
  return {
    cost: a.cost + b.cost,
    priced: a.priced + b.priced,
    unpriced: a.unpriced + b.unpriced,
    errors: a.errors + b.errors,
    llm: a.llm + b.llm,
  };
}

export function difference(a: Share, b: Share): Share {
  return {
    cost: a.cost - b.cost,
    priced: a.priced - b.priced,
    unpriced: a.unpriced - b.unpriced,
    errors: a.errors - b.errors,
    llm: a.llm - b.llm,
  };
}

export function add(totals: Totals, change: Share): void {
  totals.cost += change.cost;
  totals.priced += change.priced;
  totals.unpriced += change.unpriced;
  totals.errors += change.errors;
  totals.llm += change.llm;
}
