/**
 * The JSON of the service, by subject; what is around the runs is in `wire-work.ts`, `wire-sessions.ts` and
 * `wire-compare.ts`.
 */
export type * from "./wire-operations";
export type * from "./wire-run";
export type * from "./wire-runs";
export type * from "./wire-span";
export * from "./wire-whole";
