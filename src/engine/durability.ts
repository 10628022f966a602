// How far the stream is in our own append-only file and forced to the disk: for those who wait for that (Store.durable,
// WAITAOF), and those who tell others. The file moves it on; it knows no file itself.

/**
 * `moved`: more of the stream is on the disk. `failed`: the disk refused bytes, or to force them; what waits for it may get
 * there later, with all that is held. `ended`: nothing that is not on the disk by now will be told of any more, since the file
 * was turned off or closed, or begins anew with other data.
 */
type DurabilityChange = 'moved' | 'failed' | 'ended'

export class Durability {
  /**
   * Every byte of the stream up to this offset is on the disk, by fsync, and found by a store that starts from it; -1 while
   * there is no such file, or its first base is not whole. Under `appendfsync no` it moves with rewrites only, as in Redis.
   */
  offset = -1
  readonly #listeners = new Set<(change: DurabilityChange, error?: Error) => void>()

  /** `listener` is called after each change, until the result is called; it may wait for the next from inside. */
  on(listener: (change: DurabilityChange, error?: Error) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  reach(offset: number): void {
    if (offset === this.offset) return
    this.offset = offset
    this.#tell('moved')
  }

  fail(error: Error): void {
    this.#tell('failed', error)
  }

  end(): void {
    if (this.offset === -1 && this.#listeners.size === 0) return
    this.offset = -1
    this.#tell('ended')
  }

  #tell(change: DurabilityChange, error?: Error): void {
    for (const listener of [...this.#listeners]) listener(change, error)
  }
}
