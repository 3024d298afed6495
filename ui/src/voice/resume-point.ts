/** Where a session can be taken up again: the right to it, and what of it the page has. */

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

  /** A session is live: the one that was taken up again, or a new one. */
  renew(token: string, isResumed: boolean): void {
    this.current = token;
    if (!isResumed) this.received = 0;
  }

  /** False for a message that the page has already; those with 0 are never repeated. */
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
