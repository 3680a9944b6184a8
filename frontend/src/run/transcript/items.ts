/** A run to be read: its steps, and the calls of models, tools and subagents in the order of their start. Pure. */
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import type { TreeNode } from "../../tree";

export type ItemKind = "step" | "agent" | "turn" | "chain" | "tool" | "error" | "folded";

export interface Item {
  readonly kind: ItemKind;
  readonly id: string;
  /** How many subagents it stands within. */
  readonly level: number;
  /** Of a step: how many steps it stands within. */
  readonly depth: number;
  /** Whose attributes tell what was said: of a chain those of the attempt that answered. Of what is folded the parent. */
  readonly speaker: string;
  /** The call before this one in the same conversation: what it said is not shown again. */
  readonly before: string | null;
  /** Of a call: the tools that ran after it, before the next call. */
  readonly tools: string[];
  /** Of a tool: the call that asked for it. */
  readonly caller: string | null;
  /** Of a tool the place among those of its name. */
  readonly place: number;
  readonly folded: boolean;
  /** Of a call: the one of another library around it, which may tell what this one leaves out. */
  readonly around: string | null;
  /** Of a step and a subagent: the first call within, which says itself what was asked. */
  readonly within: string | null;
  /** Of a subagent: the span right around it that is no item itself, which may say which of many it is. */
  readonly inside: string | null;
}

const STEPS: ReadonlySet<string> = new Set(["operation", "pipeline", "layer", "phase", "subphase"]);
const AGENT = /^(invoke_agent|create_agent)\b/;

/** The conversation of one agent: what its calls repeat of each other. */
interface Lane {
  last: { speaker: string; tools: string[] } | null;
}

interface Frame {
  readonly node: TreeNode;
  readonly level: number;
  readonly depth: number;
  readonly lane: Lane;
  /** The call of another library that it stands within. */
  readonly around: string | null;
  /** The span right above, where it is no item itself. */
  readonly inside: string | null;
  /** Headings above it that are shown as soon as there is something below them. */
  readonly pending: Pending | null;
}

interface Pending {
  readonly above: Pending | null;
  readonly node: TreeNode;
  readonly level: number;
  readonly depth: number;
  shown: boolean;
}

function isAgent(span: Pick<SpanState, "kind" | "name"> | undefined): boolean {
  return AGENT.test(span?.name ?? "") || span?.kind === "agent";
}

/** The name of the tool that a span ran, as it says or by its own name: "execute_tool weather" ran "weather". */
export function toolName(span: Pick<SpanState, "name" | "attributes"> | undefined): string {
  const { attributes = {} } = span ?? {};
  const stated = attributes["gen_ai.tool.name"] ?? attributes["tool.name"];
  if (typeof stated === "string" && stated) return stated;
  return (span?.name ?? "").replace(/^(execute_tool|running tool:?)\s+/, "").replace(/\.tool$/, "");
}

/** The name of an agent: as it says, as the tool that runs it says, or by the name of its span. */
export function agentName(span: Pick<SpanState, "name" | "attributes"> | undefined): string {
  const { attributes = {} } = span ?? {};
  const stated = attributes["gen_ai.agent.name"] ?? attributes.subagent_type;
  if (typeof stated === "string" && stated) return stated;
  return toolName(span).replace(/^(invoke|create)_agent\s+/, "");
}

/** One pass without recursion. `folded` are steps and subagents whose inside is not shown. */
export function transcriptItems(
  store: Pick<RunStore, "spans" | "tree">,
  folded: ReadonlySet<string>,
): Item[] {
  return new Walk(store, folded).items();
}

class Walk {
  private readonly made: Item[] = [];
  private readonly stack: Frame[] = [];
  private readonly store: Pick<RunStore, "spans" | "tree">;
  private readonly folded: ReadonlySet<string>;

  constructor(store: Pick<RunStore, "spans" | "tree">, folded: ReadonlySet<string>) {
    this.store = store;
    this.folded = folded;
  }

  items(): Item[] {
    const lane: Lane = { last: null };
    for (const node of this.store.tree.roots.toReversed())
      this.stack.push({ node, level: 0, depth: 0, lane, around: null, inside: null, pending: null });
    for (let frame = this.stack.pop(); frame; frame = this.stack.pop()) this.visit(frame);
    return this.made;
  }

  private visit(frame: Frame): void {
    const { node } = frame;
    if (node.foldOf !== undefined) {
      this.put(frame, { kind: "folded", speaker: node.foldOf });
      return;
    }
    const span = this.store.spans.get(node.id);
    const kind = span?.kind;
    if (kind === "llm_group") this.call(frame, "chain", this.speaker(node));
    else if (kind === "llm_call" && !this.hasCalls(node)) this.call(frame, "turn", node.id);
    else if (kind === "tool" || kind === "retrieval") this.tool(frame);
    else if (STEPS.has(kind ?? "")) this.step(frame);
    else if (isAgent(span) && frame.level + frame.depth > 0) this.agent(frame);
    else if (kind === "llm_call") this.into(frame, { around: node.id });
    // A span that has not arrived has nothing to say: what stands below it is at the top.
    else if (!span) this.into(frame, {});
    else if (!node.parent || !this.store.spans.has(node.parent.id)) this.heading(frame);
    else {
      if (span?.status === "error" && node.total.errors === 1 && !this.hasCalls(node))
        this.put(frame, { kind: "error" });
      this.into(frame, { inside: node.id });
    }
  }

  /** Whether a call of a model stands below: then this one is what a library puts around it. */
  private hasCalls(node: TreeNode): boolean {
    return this.firstCall(node) !== null;
  }

  /** The first call of a model below. */
  private firstCall(node: TreeNode): string | null {
    const left = node.children.slice(0, 50).reverse();
    for (let at = left.pop(), seen = 0; at && seen < 200; at = left.pop(), seen++) {
      const kind = this.store.spans.get(at.id)?.kind;
      if (kind === "llm_call" || kind === "llm_group") return at.id;
      left.push(...at.children.slice(0, 50).reverse());
    }
    return null;
  }

  private speaker(group: TreeNode): string {
    const calls = group.children.filter((each) => this.store.spans.get(each.id)?.kind === "llm_call");
    const answered = calls.findLast((each) => this.store.spans.get(each.id)?.status === "ok");
    return (answered ?? calls.at(-1) ?? group).id;
  }

  private call(frame: Frame, kind: "turn" | "chain", speaker: string): void {
    const { lane, around } = frame;
    const tools: string[] = [];
    this.put(frame, { kind, speaker, before: lane.last?.speaker ?? null, tools, around });
    lane.last = { speaker, tools };
  }

  private tool(frame: Frame): void {
    const { node, lane } = frame;
    const { last } = lane;
    if (this.hasCalls(node)) {
      last?.tools.push(node.id);
      this.agent(frame);
      return;
    }
    const name = toolName(this.store.spans.get(node.id));
    const place = last?.tools.filter((id) => toolName(this.store.spans.get(id)) === name).length ?? 0;
    last?.tools.push(node.id);
    this.put(frame, { kind: "tool", caller: last?.speaker ?? null, place });
  }

  private agent(frame: Frame): void {
    // An agent that a tool runs is that tool's: one card is enough.
    const parent = frame.node.parent;
    const isWithin =
      parent && this.store.spans.get(parent.id)?.kind === "tool" && parent.children.length === 1;
    if (isWithin) {
      this.into(frame, {});
      return;
    }
    const folded = this.folded.has(frame.node.id);
    const within = this.firstCall(frame.node);
    const { inside } = frame;
    this.put(frame, { kind: "agent", caller: frame.lane.last?.speaker ?? null, folded, within, inside });
    if (!folded) this.into(frame, { level: frame.level + 1, lane: { last: null } });
  }

  /** Steps of an operation are told also where nothing in them is of a model. */
  private step(frame: Frame): void {
    const folded = this.folded.has(frame.node.id);
    this.put(frame, { kind: "step", folded, within: this.firstCall(frame.node) });
    if (!folded) this.into(frame, { depth: frame.depth + 1 });
  }

  /** A span at the top is a heading if there is something to tell below it. */
  private heading(frame: Frame): void {
    const { node, level, depth } = frame;
    const pending: Pending = { above: frame.pending, node, level, depth, shown: false };
    if (this.folded.has(node.id))
      this.put(frame, { kind: "step", folded: true, within: this.firstCall(node) });
    else this.into({ ...frame, pending }, { depth: depth + 1 });
  }

  private into(frame: Frame, within: Partial<Frame>): void {
    const { children } = frame.node;
    for (let at = children.length - 1; at >= 0; at--) {
      this.stack.push({ ...frame, inside: null, ...within, node: children[at] as TreeNode });
    }
  }

  private put({ node, level, depth, pending }: Frame, what: Partial<Item> & Pick<Item, "kind">): void {
    const above: Pending[] = [];
    for (let at = pending; at && !at.shown; at = at.above) above.unshift(at);
    for (const heading of above) {
      heading.shown = true;
      const within = this.firstCall(heading.node);
      this.made.push(item(heading.node.id, heading.level, heading.depth, { kind: "step", within }));
    }
    this.made.push(item(node.id, level, depth, what));
  }
}

function item(id: string, level: number, depth: number, what: Partial<Item> & Pick<Item, "kind">): Item {
  return {
    id,
    level,
    depth,
    speaker: id,
    before: null,
    tools: [],
    caller: null,
    place: 0,
    folded: false,
    around: null,
    within: null,
    inside: null,
    ...what,
  };
}
