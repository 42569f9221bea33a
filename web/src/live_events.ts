// Follows the daemon's events while somebody looks at the page: a browser has few connections for each server.

const KINDS = ["registration", "liveness", "presence"];

export class LiveEvents {
  private source: EventSource | undefined;

  /** `onChange` is called when what is shown may be old. */
  constructor(private readonly onChange: () => void) {}

  /** Whether changes are told, so that nobody needs to ask. */
  get isLive(): boolean {
    return this.source?.readyState === EventSource.OPEN;
  }

  /** Follow if the page is seen, else let go; to be called again whenever either may have changed. */
  follow(): void {
    if (document.hidden) {
      this.source?.close();
      this.source = undefined;
    } else if (this.source === undefined || this.source.readyState === EventSource.CLOSED) {
      this.source = new EventSource(`api/events?kinds=${KINDS.join(",")}`);
      for (const kind of ["open", "reset", ...KINDS]) this.source.addEventListener(kind, this.onChange);
    }
  }
}
