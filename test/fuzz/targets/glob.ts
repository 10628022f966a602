// Patterns as KEYS, SCAN and PSUBSCRIBE take them: the first line is the pattern, the rest is the text.

import { textOfLatin1 } from '../../../src/bytes.js'
import { globMatch } from '../../../src/glob.js'
import { expect, type Target } from '../target.js'

export const glob: Target = {
  name: 'glob',
  about: 'glob.ts: quick whatever the pattern; a text matches itself when it is escaped; a star more loses nothing',
  words: ['*', '?', '[', ']', '[^', '[a-z]', '\\', '-', '**', '*a', '\n'],
  maxInputBytes: 4096,
  seeds: () =>
    ['h?llo\nhello', 'h[^e]llo\nhallo', 'h[a-e]ll\\o*\nhello world', `${'*a'.repeat(30)}b\n${'a'.repeat(100)}`].map(
      (text) => Buffer.from(text),
    ),
  run(input) {
    const end = Math.max(0, input.indexOf(10))
    const pattern = textOfLatin1(input.toString('latin1', 0, end))
    const latin1 = input.toString('latin1', end + 1)
    const text = textOfLatin1(latin1)
    const matches = globMatch(pattern, text)
    globMatch(pattern, text, true)
    if (text === '') return
    expect(globMatch(textOfLatin1(latin1.replace(/[\s\S]/g, '\\$&')), text), 'an escaped text matches itself')
    if (matches) expect(globMatch(`*${pattern}`, text), 'with a star before it, it matches still')
  },
}
