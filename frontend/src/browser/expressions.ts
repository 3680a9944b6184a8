/**
 * What stands in the shell's bindings: a name, a field of one, `!` in front of either, or a name that is set (by
 * `x-model`). Alpine's own evaluator makes functions out of texts, which the Content-Security-Policy forbids; its
 * build without them looks at every global of the browser first, and reads an expression anew whenever it is wanted.
 */
import Alpine from "alpinejs";

type Scope = Record<string, unknown>;

interface Expression {
  readonly path: readonly string[];
  readonly isNegated: boolean;
  readonly isSet: boolean;
}

const FORM = /^\s*(!?)\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(= __placeholder)?\s*$/;
const read = new Map<string, Expression>();

/** Raises an error for anything else. */
export function expressionOf(text: string): Expression {
  const known = read.get(text);
  if (known) return known;
  const [, not, path, set] = FORM.exec(text) ?? [];
  if (path === undefined || (not && set)) throw new Error(`The shell binds to names alone, not to: ${text}`);
  const expression = { path: path.split("."), isNegated: not === "!", isSet: set !== undefined };
  read.set(text, expression);
  return expression;
}

/** The value of an expression; a function that it names is called. */
export function evaluated(expression: Expression, scope: Scope, given: readonly unknown[]): unknown {
  const { path, isNegated, isSet } = expression;
  const last = path.at(-1) ?? "";
  let holder = scope;
  for (const name of path.slice(0, -1)) holder = holder[name] as Scope;
  if (isSet) {
    holder[last] = scope.__placeholder;
    return undefined;
  }
  const named = holder[last];
  const value: unknown = typeof named === "function" ? named.apply(scope, given) : named;
  return isNegated ? !value : value;
}

/** Has Alpine read the shell's bindings by these rules. */
export function bindByNames(): void {
  Alpine.setEvaluator((element, text = "") => {
    const stack = Alpine.closestDataStack(element) as Scope[];
    const value = (scope: Scope, given: readonly unknown[]) =>
      typeof text === "function" ? text.apply(scope) : evaluated(expressionOf(text), scope, given);
    return (receive, { scope, params } = {}) => {
      try {
        const found = value(Alpine.mergeProxies([(scope ?? {}) as Scope, ...stack]), params ?? []);
        receive?.(found as Parameters<typeof receive>[0]);
      } catch (error) {
        // What one binding lacks, the others need not.
        reportError(error);
      }
    };
  });
}
