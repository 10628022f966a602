// For how long a snapshot is read before the event loop gets its turn.

import type { Env } from './env.js'

/** A snapshot as those who read it see it. */
export interface SnapshotSource {
  readonly done: boolean
  /** How much of what pre-images may take is taken: 0 to 1. At 1 the snapshot fails. */
  readonly pressure: number
  read(maxKeys: number): Buffer[]
  cancel(): void
}

/** Keys between two looks at the clock. */
export const KEYS_PER_LOOK = 64

const SLICE_MS = 0.5
/** When changes come so fast that half of the room for pre-images is taken: it would be worse if the snapshot failed. */
const HURRIED_SLICE_MS = 10
const HURRY_FROM = 0.5

/** When a slice that begins now is over, on the monotonic clock. */
export function sliceEnd(env: Env, { pressure }: SnapshotSource): number {
  return env.monotonic() + (pressure < HURRY_FROM ? SLICE_MS : HURRIED_SLICE_MS)
}

/** The chunks of one slice. */
export function readSlice(env: Env, source: SnapshotSource): Buffer[] {
  const until = sliceEnd(env, source)
  const chunks: Buffer[] = []
  do chunks.push(...source.read(KEYS_PER_LOOK))
  while (!source.done && env.monotonic() < until)
  return chunks
}
