// Words of one line, in and out of quotes, as a configuration file, the command line and inline commands have them: Redis'
// sdssplitargs and sdscatrepr. Knows nothing of what the words mean.

import { latin1Of, textOfLatin1 } from '../bytes.js'

/**
 * Parts a line into words as Redis does (sdssplitargs): "double quotes" with escapes and \xff, 'single quotes' with \' only.
 * Undefined if quotes are not closed, or something sticks to a closing one.
 */
export function splitWords(line: string): string[] | undefined {
  return splitLatin1(latin1Of(line))?.map(textOfLatin1)
}

/** The same for bytes, one a character: what an inline command is. */
export function splitLatin1(latin1: string): string[] | undefined {
  const words: string[] = []
  let i = 0
  for (;;) {
    while (isSpace(latin1[i])) i++
    if (i >= latin1.length) return words
    const word = readWord(latin1, i)
    if (word === undefined) return undefined
    words.push(word.text)
    i = word.end
  }
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/** One word from `start` on. Quotes may open in its middle: `ab"c d"` is one word; where they close, it ends. */
function readWord(latin1: string, start: number): { text: string; end: number } | undefined {
  let text = ''
  for (let i = start; ; i++) {
    const char = latin1[i]
    if (char === undefined || /[ \n\r\t]/.test(char)) return { text, end: i }
    if (char !== '"' && char !== "'") {
      text += char
      continue
    }
    const quoted = readQuoted(latin1, i + 1, char)
    if (quoted === undefined || !(isSpace(latin1[quoted.end]) || quoted.end === latin1.length)) return undefined
    return { text: text + quoted.text, end: quoted.end }
  }
}

/** What stands from `start` to the closing `mark`, and the index behind that. */
function readQuoted(latin1: string, start: number, mark: string): { text: string; end: number } | undefined {
  let text = ''
  for (let i = start; i < latin1.length; i++) {
    const char = latin1[i]
    if (char === mark) return { text, end: i + 1 }
    if (char !== '\\') {
      text += char
    } else if (mark === "'") {
      text += latin1[i + 1] === "'" ? latin1[++i] : char
    } else if (/^x[0-9a-f]{2}/i.test(latin1.slice(i + 1, i + 4))) {
      text += String.fromCharCode(Number.parseInt(latin1.slice(i + 2, i + 4), 16))
      i += 3
    } else if (i + 1 < latin1.length) {
      text += escapes[latin1[++i]] ?? latin1[i]
    }
  }
  return undefined
}

function isSpace(char: string | undefined): boolean {
  return char !== undefined && /[ \t\n\v\f\r]/.test(char)
}

const namedEscapes: Record<string, string> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
}

/** A word in double quotes, as a file or an inline command takes it back. Every byte that does not print is escaped. */
export function quote(word: string): string {
  const escaped = (char: string): string =>
    namedEscapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  return `"${latin1Of(word).replace(/[\\"]|[^ -~]/g, escaped)}"`
}
