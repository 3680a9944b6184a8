/** The event whose fields are shown below its row. They take a whole number of rows, so that the list stays one of rows. */
import type { TailEvent } from "../../service/wire";
import { eventFields, type FieldsContext } from "./tail-fields";
import type { Below } from "./tail-row";

/** More rows would leave the list's window before their end is out of sight; what is longer is scrolled within. */
const MOST_ROWS = 11;
/** While events come fast every row is another one each time: few are drawn that nobody sees. */
const AHEAD = 8;
/** The row of the fields is kept for as long as their end may be in sight: half of this is more than they are high. */
const AHEAD_OF_OPEN = 24;

export class OpenEvent {
  private readonly canvas: HTMLElement;
  private readonly rowHeight: number;
  private event: TailEvent | null = null;
  private fields: HTMLElement | null = null;
  /** The rows that the fields take. */
  below: readonly Below[] = [];

  constructor(canvas: HTMLElement, rowHeight: number) {
    this.canvas = canvas;
    this.rowHeight = rowHeight;
  }

  get seq(): number | null {
    return this.event?.seq ?? null;
  }

  /** Rows to draw above and below those in sight. */
  get ahead(): number {
    return this.event === null ? AHEAD : AHEAD_OF_OPEN;
  }

  get element(): HTMLElement | null {
    return this.fields;
  }

  show(event: TailEvent, context: FieldsContext): void {
    this.close();
    this.event = event;
    this.fields = eventFields(event, context);
    const rows = Math.min(MOST_ROWS, Math.max(2, Math.ceil(this.measure(this.fields) / this.rowHeight)));
    this.canvas.style.setProperty("--open-height", `${rows * this.rowHeight}px`);
    this.below = Array.from({ length: rows }, (_, part) => ({ below: event.seq, part }));
  }

  close(): void {
    this.event = null;
    this.fields?.remove();
    this.fields = null;
    this.below = [];
  }

  private measure(fields: HTMLElement): number {
    fields.dataset.measured = "";
    this.canvas.append(fields);
    const height = fields.offsetHeight;
    fields.remove();
    delete fields.dataset.measured;
    return height;
  }
}
