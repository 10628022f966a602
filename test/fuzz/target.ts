// What a fuzz target is: one reader of foreign bytes, inputs to start from, and a run that throws when the reader does not
// keep its word. What a reader may do with bad bytes (refuse them, close the link) is for the target to know; that it
// must be quick and must not take much memory holds for all, and is measured by loop.ts.

import type { Chance } from './mutation.js'

export interface Target {
  readonly name: string
  /** What is read, in a few words, and what must hold of it. */
  readonly about: string
  /** Inputs that are sound, or nearly: what mutation starts from. */
  seeds(): Buffer[]
  /** Words of the format: they are put in, and over what is there. Bytes, one a character. */
  readonly words?: readonly string[]
  /** An input made from nothing, for formats whose shape mutation seldom meets. */
  make?(chance: Chance): Buffer
  /** No longer input is made. Default 16 KiB. */
  readonly maxInputBytes?: number
  /** An input may take so long. Default 1 s: a hundred times what the slowest takes. */
  readonly limitMs?: number
  /** An input may make the process grow by so much, garbage included. Default: see loop.ts. */
  limitBytes?(inputBytes: number): number
  /** Throws, or rejects, when the input shows a defect. */
  run(input: Buffer): void | Promise<void>
}

/** The message of a failed check. */
export class Defect extends Error {}

export function expect(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Defect(message)
}

/** Cuts an input into the pieces in which it arrives: the same ones for the same input. */
export function* pieces(input: Buffer): Generator<Buffer> {
  let state = input.length
  for (let at = 0; at < input.length; ) {
    state = Math.imul(state ^ (input[at] << 7), 0x9e37_79b1) >>> 0
    const size = state % 3 === 0 ? 1 + ((state >>> 8) % 7) : 1 + ((state >>> 8) % 4096)
    yield Buffer.from(input.subarray(at, at + size))
    at += size
  }
}
