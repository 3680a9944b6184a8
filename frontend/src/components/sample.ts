/** A component in one of its states: what it is called, and how it is made, once for each scheme. */
export type Sample = readonly [title: string, make: () => (Node | string)[]];
