/** The data to resume a session: its resume token, and the last message that the page has. */

export class ResumePoint {
  constructor(
    private current: string | null,
    private received: number,
  ) {}

  get token(): string | null {
    return this.current;
  }

  /** `seq` of the last message received. */
  get lastSeq(): number {
    return this.received;
  }

  /** A session is live, resumed or new. */
  renew(token: string, isResumed: boolean): void {
    this.current = token;
    if (!isResumed) this.received = 0;
  }

  /** Returns false for a message that the page already has; messages with 0 are never repeated. */
  isNew(seq: number): boolean {
    if (seq > 0 && seq <= this.received) return false;
    this.received = Math.max(this.received, seq);
    return true;
  }

  forget(): void {
    this.current = null;
    this.received = 0;
  }
}
