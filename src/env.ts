// What the core may know of the world: a clock, timers, randomness and a log. Everything else in src/ that wants one of
// these asks the Env it was given, so that a whole cluster can run in one process on a virtual clock.
// The only file of the core that names Date, setTimeout, Math.random or a node: module, with young-space.ts, which is a part of it.

import { hash, randomBytes } from 'node:crypto'
import { collectYoung, holdYoungSpace } from './young-space.js'

/** Where the log goes. `console` and a pino logger both fit. Secrets are never passed to it. */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** A timer that has not fired yet. Cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

export interface Env {
  /** Milliseconds since 1970, whole. */
  now(): number
  /** Milliseconds from an arbitrary start, never going back, with fractions. */
  monotonic(): number
  /** A number in [0, 1). */
  random(): number
  /** `bytes` random bytes as hexadecimal text, twice as many characters. */
  randomHex(bytes: number): string
  /** The SHA-1 of bytes in latin1 form: 20 bytes. For checksums of data, not for secrets. */
  sha1(latin1: string): Uint8Array
  /** Calls `fn` once, `delayMs` from now, however large that is. Never keeps the process alive by itself. */
  after(delayMs: number, fn: () => void): Timer
  /** Keeps the process alive until the result is called: a node that follows another has work to do. */
  hold(): () => void
  /** Calls `fn` once, when the work of this turn of the event loop is done. */
  soon(fn: () => void): void
  /** Stops everything for `ms` (DEBUG SLEEP). Environments with a virtual clock ignore it. */
  block(ms: number): void
  /** Bytes of memory that the process holds: in all, and as JavaScript heap in use. */
  memory(): { residentBytes: number; heapBytes: number }
  /** Collects the runtime's young objects now, where that is of use (see young-space.ts). */
  collectYoung(): void
  /** The space for young objects does not grow until the result is called, where that is of use. */
  holdYoungSpace(): () => void
  readonly process: { pid: number; arch: string; platform: string; nodeVersion: string }
  readonly log: Logger
  /** The node's name on a network that knows its nodes by name. */
  readonly name?: string
  /** Time stands still unless whoever made this moves it on: who awaits something here may wait for himself. */
  readonly isVirtual?: boolean
}

export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export function sha1(latin1: string): Uint8Array {
  return hash('sha1', Buffer.from(latin1, 'latin1'), 'buffer')
}

/** setTimeout takes at most 2^31-1 ms: beyond, it fires at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

function after(delayMs: number, fn: () => void): Timer {
  let handle: NodeJS.Timeout
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, LONGEST_TIMEOUT_MS)
    handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fn()), stepMs)
    handle.unref()
  }
  arm(Math.max(0, delayMs))
  return { cancel: () => clearTimeout(handle) }
}

function hold(): () => void {
  const handle = setInterval(() => {}, LONGEST_TIMEOUT_MS)
  return () => clearInterval(handle)
}

/** The real world. */
export function systemEnv(options: { log?: Logger; name?: string } = {}): Env {
  return {
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    sha1,
    after,
    hold,
    soon: (fn) => void setImmediate(fn),
    block: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
    memory: () => {
      const { rss, heapUsed } = process.memoryUsage()
      return { residentBytes: rss, heapBytes: heapUsed }
    },
    collectYoung,
    holdYoungSpace,
    process: {
      pid: process.pid,
      arch: process.arch,
      platform: process.platform,
      nodeVersion: process.versions.node,
    },
    log: options.log ?? silentLog,
    name: options.name,
  }
}
