// Log lines as redis-server writes them: `4711:M 22 Nov 2026 22:18:05.123 * Ready to accept connections`. What reads the
// logs of Redis (people, alerts, test harnesses) reads these.
// Knows no clock and no file: the caller says what time it is, and where lines go.

import type { Logger } from './env.js'

/** The values of `loglevel`, from all there is to say to what somebody should look at. */
const logLevels = ['debug', 'verbose', 'notice', 'warning'] as const
export type LogLevel = (typeof logLevels)[number]

const marks: Record<LogLevel, string> = { debug: '.', verbose: '-', notice: '*', warning: '#' }
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A message longer than this is cut, as Redis cuts it: a peer's text must not fill a disk. */
const LONGEST_MESSAGE = 1024

export interface LineLoggerOptions {
  pid: number
  /** Milliseconds since 1970. */
  now(): number
  /** C before the store stands, M for a primary, S for a replica. */
  role(): 'C' | 'M' | 'S'
  /** Messages below it are not written. */
  level(): LogLevel
  /** Takes a line with its end. */
  write(line: string): void
}

/** A Logger that writes such lines. `info` is a notice; `warn` and `error` are warnings, as Redis has nothing above them. */
export function lineLogger(options: LineLoggerOptions): Logger {
  const { pid, now, role, level, write } = options
  const at =
    (own: LogLevel) =>
    (message: string): void => {
      if (logLevels.indexOf(own) < logLevels.indexOf(level())) return
      write(`${pid}:${role()} ${stamp(new Date(now()))} ${marks[own]} ${oneLine(message)}\n`)
    }
  return { debug: at('debug'), info: at('notice'), warn: at('warning'), error: at('warning') }
}

/** Local time, as Redis has it. */
function stamp(time: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0')
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
  const day = `${two(time.getDate())} ${months[time.getMonth()]} ${time.getFullYear()}`
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

/** A message that holds what a peer sent must not look like two lines, or move a terminal's cursor. */
function oneLine(message: string): string {
  const cut = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}...` : message
  return cut.replace(/[\x00-\x1f\x7f]/g, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
