// V8's space for young objects, while much is loaded of which everything stays. V8 collects when that space is full, which may be
// 16 MB, and copies all that lives in it: some 20 ms in which nothing else goes on. Few young objects at a time take less.
//
// Until V8 12 (Node 22) they can be collected at any time. Later V8 ends its marking at once to do so, in 10 to 40 ms: there the space
// is only kept from growing, which is of use to who loads before much else was done.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const CAN_COLLECT = Number(process.versions.v8.split('.')[0]) < 13
/** Whoever starts us with a size of their own has thought about it. */
const HAS_A_SIZE = `${process.execArgv} ${process.env.NODE_OPTIONS}`.includes('semi-space')
/** By how much V8 lets the space grow, unless it is told. */
const V8_GROWTH_FACTOR = 2

type Collector = (options: { type: 'minor' }) => void

let collector: Collector | undefined
let holders = 0

export function collectYoung(): void {
  if (!CAN_COLLECT || HAS_A_SIZE) return
  collector ??= borrow()
  collector({ type: 'minor' })
}

/** V8 shows its collector to contexts that are made while a flag is set. Nobody else gets to see it. */
function borrow(): Collector {
  if (globalThis.gc !== undefined) return globalThis.gc as Collector
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('globalThis.gc')
  setFlagsFromString('--no-expose-gc')
  return typeof found === 'function' ? (found as Collector) : () => {}
}

/** Flags are the whole process': it is the last holder's end that lets it grow again. */
export function holdYoungSpace(): () => void {
  if (CAN_COLLECT || HAS_A_SIZE) return () => {}
  if (holders++ === 0) grow(1)
  let isHeld = true
  return () => {
    if (isHeld && --holders === 0) grow(V8_GROWTH_FACTOR)
    isHeld = false
  }
}

function grow(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`)
}
