/** Whether anything that a row shows is another than the last time. Pure. */
export class Seen {
  private last: readonly unknown[] = [];

  /** Remembers the values; true where each is what it was. Of objects the identity counts. */
  again(values: readonly unknown[]): boolean {
    const { last } = this;
    this.last = values;
    return values.length === last.length && values.every((value, at) => Object.is(value, last[at]));
  }
}
