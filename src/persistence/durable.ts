// Waiting until what was written is on the disk.

import { StoreError } from '../errors.js'
import type { AofOwner } from './append-only-file.js'

export function notDurable(cause: unknown): StoreError {
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  return new StoreError('FILE', `what was written may not be in the append-only file${why}`, { cause })
}

/** Resolves when the stream up to where it is now is on the disk. Throws StoreError FILE, CLOSED, ABORTED. */
export function untilDurable(
  { env, history, durability }: Pick<AofOwner, 'env' | 'history' | 'durability'>,
  signal?: AbortSignal,
): Promise<void> {
  const { offset } = history
  if (durability.offset >= offset) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stop()
      release()
      signal?.removeEventListener('abort', aborted)
      settle()
    }
    const aborted = (): void =>
      finish(() => reject(new StoreError('ABORTED', 'the wait was aborted', { cause: signal?.reason })))
    const stop = durability.on((change, error) => {
      if (change === 'failed') finish(() => reject(notDurable(error)))
      else if (change === 'ended')
        finish(() => reject(new StoreError('CLOSED', 'the append-only file ended before it held what was written')))
      else if (durability.offset >= offset) finish(resolve)
    })
    // The timer of everysec does not keep the process alive.
    const release = env.hold()
    if (signal?.aborted) aborted()
    else signal?.addEventListener('abort', aborted)
  })
}
