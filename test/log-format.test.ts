// Log lines: the form that Redis gives them, what a level lets through, and what a message cannot do.

import * as assert from 'uvu/assert'
import { type LogLevel, lineLogger } from '../src/log-format.js'
import { suite } from './suite.js'

const test = suite('log format')

/** All four kinds of messages at one level. */
function linesAt(level: LogLevel, role: 'C' | 'M' | 'S' = 'M', message = 'a message'): string[] {
  const lines: string[] = []
  const now = (): number => new Date(2026, 10, 2, 22, 8, 5, 7).getTime()
  const log = lineLogger({ pid: 4711, now, role: () => role, level: () => level, write: (line) => lines.push(line) })
  log.debug(message)
  log.info(message)
  log.warn(message)
  log.error(message)
  return lines
}

test('a line looks as in Redis', () => {
  assert.equal(linesAt('debug'), [
    '4711:M 02 Nov 2026 22:08:05.007 . a message\n',
    '4711:M 02 Nov 2026 22:08:05.007 * a message\n',
    '4711:M 02 Nov 2026 22:08:05.007 # a message\n',
    '4711:M 02 Nov 2026 22:08:05.007 # a message\n',
  ])
  assert.match(linesAt('notice', 'S')[0], /^4711:S /)
})

test('the level keeps out what is below it', () => {
  assert.is(linesAt('verbose').length, 3)
  assert.is(linesAt('notice').length, 3)
  assert.is(linesAt('warning').length, 2)
})

test('a message cannot look like two lines, and has an end', () => {
  const [line] = linesAt('debug', 'M', 'a\r\n4711:M 1 Jan * b\x1b[2J')
  assert.ok(line.endsWith(' . a\\x0d\\x0a4711:M 1 Jan * b\\x1b[2J\n'), line)
  assert.ok(linesAt('debug', 'M', 'x'.repeat(5000))[0].length < 1100)
})

test.run()
