/** Sorting by as few moves as can be. Pure. */

/** The most of the numbers that stand in ascending order already: to sort all, only the others have to be moved. */
export function ascending(numbers: readonly number[]): ReadonlySet<number> {
  // For each length the index of the least number with which so many in a row can end.
  const ends: number[] = [];
  const before: (number | undefined)[] = [];
  numbers.forEach((number, at) => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] as number] as number) < number) low = middle + 1;
      else high = middle;
    }
    before[at] = ends[low - 1];
    ends[low] = at;
  });
  const found = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = before[at]) found.add(numbers[at] as number);
  return found;
}
