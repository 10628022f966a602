// The reply of a command that nobody asked for: a primary's stream is applied, and only an error is of interest.

import type { Reply } from './writer.js'

export class SilentReply implements Reply {
  /** The last error written, until somebody takes it away. */
  lastError: string | null = null
  error(message: string): void {
    this.lastError = message
  }
  ok(): void {}
  status(): void {}
  integer(): void {}
  bulk(): void {}
  bulks(): void {}
  bytes(): void {}
  null(): void {}
  nullArray(): void {}
  array(): void {}
  map(): void {}
  set(): void {}
  push(): void {}
  double(): void {}
  bool(): void {}
  verbatim(): void {}
}
