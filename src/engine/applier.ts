// Applies a primary's stream: whole commands are executed, and the bytes they came in are handed on unchanged, to our
// own backlog and replicas. A transaction is handed on when its EXEC was applied: until then the offset stands before it,
// so that a link lost in the middle starts it over.

import type { Arg } from '../bytes.js'
import { textOfArg } from '../bytes.js'
import { StoreError } from '../errors.js'
import { type RequestLimits, RequestParser } from '../protocol/parser.js'

export interface ApplierHost {
  /** Executes one command of the stream. Throws when it cannot be applied. */
  applyCommand(argv: Arg[], parser: RequestParser): void
  /** Whether a transaction is open in the stream. */
  isInTransaction(): boolean
  /** The bytes are applied: append them as they are. */
  relay(chunk: Buffer, start: number, end: number): void
}

/** A primary is trusted with more than a client; still nothing is allocated because a length says so. */
const LIMITS: RequestLimits = { maxBulkBytes: 2 ** 29 - 24, maxArguments: 2 ** 24, refuseInline: true }

export class Applier {
  readonly #host: ApplierHost
  #parser = new RequestParser(LIMITS)
  /** Bytes that came and are not handed on yet, in order. */
  #held: Buffer[] = []
  #relayedBytes = 0

  constructor(host: ApplierHost) {
    this.#host = host
  }

  /** Drops what was half received: a new link sends it again. */
  reset(): void {
    this.#parser = new RequestParser(LIMITS)
    this.#held = []
    this.#relayedBytes = 0
  }

  /** Throws when a command cannot be applied or the bytes are no commands; all before it is applied and handed on. */
  apply(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#parser.feed(chunk)
    let appliedBytes = this.#relayedBytes
    try {
      while (this.#parser.next()) {
        const { argv } = this.#parser
        // A GETACK is answered with the offset before it: what came before has to be counted by then.
        if (textOfArg(argv[0]).length === 'REPLCONF'.length) this.#relay(appliedBytes)
        this.#host.applyCommand(argv, this.#parser)
        if (!this.#host.isInTransaction()) appliedBytes = this.#parser.consumedBytes
      }
    } catch (cause) {
      if (cause instanceof StoreError) throw cause
      throw new StoreError('PROTOCOL', (cause as Error).message, { cause })
    } finally {
      this.#relay(appliedBytes)
    }
  }

  /** Hands on what is held, up to that many bytes of the link's stream. */
  #relay(upTo: number): void {
    let used = 0
    while (this.#relayedBytes < upTo) {
      const first = this.#held[used]
      const count = Math.min(first.length, upTo - this.#relayedBytes)
      this.#host.relay(first, 0, count)
      this.#relayedBytes += count
      if (count === first.length) used++
      else this.#held[used] = first.subarray(count)
    }
    // All at once: a value of 512 MiB comes in several hundred thousand pieces, and to move the rest for each takes minutes.
    this.#held.splice(0, used)
  }
}
