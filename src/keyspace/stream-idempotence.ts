// What producers have sent to a stream already (XADD IDMP, Redis 8.6), so that a retry adds nothing. For each producer the
// newest messages by their own ids, and which entries those became. Plain data: what is too old is told from outside.

import type { StreamId, Uint64 } from './stream-id.js'

/** Redis' values for a stream that was not configured by XCFGSET. */
export const DEFAULT_DURATION_SECONDS = 100
export const DEFAULT_MAX_SIZE = 100

export class Idempotence {
  /** How long a message is remembered. */
  durationSeconds: number
  /** How many messages are remembered of each producer. */
  maxSize: number
  /** Messages ever remembered, and those that came again. */
  added: Uint64 = 0
  duplicates: Uint64 = 0
  /** By producer, the entries that its messages became, by the messages' own ids: each oldest first, as it came last. */
  readonly producers = new Map<string, Map<string, StreamId>>()

  constructor(durationSeconds = DEFAULT_DURATION_SECONDS, maxSize = DEFAULT_MAX_SIZE) {
    this.durationSeconds = durationSeconds
    this.maxSize = maxSize
  }

  /** The entry that the message became when it came first, unless that was before `since`, in ms since 1970. */
  find(producer: string, message: string, since: number): StreamId | undefined {
    const id = this.producers.get(producer)?.get(message)
    return id !== undefined && id.ms >= since ? id : undefined
  }

  /** Remembers a message. The oldest of its producer are forgotten for it. */
  remember(producer: string, message: string, id: StreamId): void {
    const messages = this.producers.get(producer) ?? new Map<string, StreamId>()
    this.producers.delete(producer)
    this.producers.set(producer, messages)
    messages.delete(message)
    messages.set(message, id)
    for (const oldest of messages.keys()) {
      if (messages.size <= this.maxSize) break
      messages.delete(oldest)
    }
  }

  /** Forgets what became an entry before this time, in ms since 1970, of those producers that have been silent for longest. */
  forgetBefore(ms: number): void {
    for (const [producer, messages] of this.producers) {
      for (const [message, id] of messages) {
        if (id.ms >= ms) return
        messages.delete(message)
      }
      this.producers.delete(producer)
    }
  }

  clone(): Idempotence {
    const copy = new Idempotence(this.durationSeconds, this.maxSize)
    copy.added = this.added
    copy.duplicates = this.duplicates
    for (const [producer, messages] of this.producers) copy.producers.set(producer, new Map(messages))
    return copy
  }
}
