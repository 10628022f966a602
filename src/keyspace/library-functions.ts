// Which functions a library registers, as far as its source says so: `redis.register_function` with names that stand there
// as they are. Nothing is run here, so a name that is put together, or given to a function of the library's own, is not
// found. Reads Lua's words, not its grammar; what is no Lua gives what it gives.

export interface LibraryFunction {
  readonly name: string
  /** Both one byte a character, as the source. */
  readonly description: string | null
  readonly flags: readonly string[]
}

type Word = { kind: 'name' | 'string' | 'sign'; text: string }

const BLANK = /\s+/y
const COMMENT = /--(?!\[=*\[)[^\n]*/y
const LONG_BRACKET = /(--)?\[(=*)\[/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z.])*/y
const STRING = /"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'/sy
const SIGN = /\.{1,3}|./sy

function wordsOf(code: string): Word[] {
  const words: Word[] = []
  let at = code.startsWith('#') ? endOfLine(code) : 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(code)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  for (let found: RegExpExecArray | null; at < code.length; ) {
    if (take(BLANK) !== null || take(COMMENT) !== null) continue
    if ((found = take(LONG_BRACKET)) !== null) {
      const close = `]${found[2]}]`
      const end = code.indexOf(close, at)
      const text = end < 0 ? code.slice(at) : code.slice(at, end)
      at = end < 0 ? code.length : end + close.length
      if (found[1] === undefined) words.push({ kind: 'string', text: text.replace(/^\r?\n/, '') })
    } else if ((found = take(NAME)) !== null) words.push({ kind: 'name', text: found[0] })
    else if ((found = take(NUMBER)) !== null) words.push({ kind: 'sign', text: found[0] })
    else if ((found = take(STRING)) !== null) words.push({ kind: 'string', text: unescaped(found[1] ?? found[2]) })
    else words.push({ kind: 'sign', text: take(SIGN)![0] })
  }
  return words
}

function endOfLine(code: string): number {
  const end = code.indexOf('\n')
  return end < 0 ? code.length : end
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

function unescaped(text: string): string {
  return text.replace(/\\(?:([0-9]{1,3})|(.))/gs, (_, digits: string | undefined, char: string) =>
    digits === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number(digits) & 0xff),
  )
}

/** In the order of the source, each name once. */
export function functionsOf(code: string): LibraryFunction[] {
  const words = wordsOf(code)
  const found = new Map<string, LibraryFunction>()
  // What is inside of a function's body is done when that is called, if ever.
  const blocks: string[] = []
  for (let i = 0; i < words.length; i++) {
    const { kind, text } = words[i]
    if (kind !== 'name') continue
    if (opensBlock(text)) blocks.push(text)
    else if (closesBlock(text)) blocks.pop()
    if (text !== 'redis' || blocks.includes('function') || isSign(words[i - 1], '.', ':')) continue
    if (!isSign(words[i + 1], '.') || words[i + 2]?.text !== 'register_function') continue
    const { one, end } = registered(words, i + 3)
    if (one !== undefined && !found.has(one.name)) found.set(one.name, one)
    i = end - 1
  }
  return [...found.values()]
}

function opensBlock(word: string): boolean {
  return word === 'function' || word === 'if' || word === 'do' || word === 'repeat'
}

function closesBlock(word: string): boolean {
  return word === 'end' || word === 'until'
}

function isSign(word: Word | undefined, ...signs: string[]): boolean {
  return word?.kind === 'sign' && signs.includes(word.text)
}

interface Registered {
  /** Undefined: its name is not written out. */
  one: LibraryFunction | undefined
  /** Behind what was read. */
  end: number
}

/** `('name', ...`, `({ ... })` or `{ ... }` at words[at]. */
function registered(words: readonly Word[], at: number): Registered {
  const isCall = isSign(words[at], '(')
  const first = isCall ? at + 1 : at
  if (isSign(words[first], '{')) return described(words, first + 1)
  if (!isCall || !isWhole(words, first, ',')) return { one: undefined, end: at }
  return { one: { name: words[first].text, description: null, flags: [] }, end: first + 1 }
}

/** A string that stands by itself: one of these signs follows. */
function isWhole(words: readonly Word[], at: number, ...ends: string[]): boolean {
  return words[at]?.kind === 'string' && isSign(words[at + 1], ...ends)
}

/** The table at words[at]: only what is written out in it counts. */
function described(words: readonly Word[], at: number): Registered {
  let name: string | undefined
  let description: string | null = null
  let flags: readonly string[] = []
  let i = at
  for (; i < words.length && !isSign(words[i], '}'); i++) {
    const isBracketed = isSign(words[i], '[') && words[i + 1]?.kind === 'string' && isSign(words[i + 2], ']')
    const field = isBracketed ? words[i + 1].text : words[i].text
    if (isBracketed) i += 2
    if (isSign(words[i + 1], '=')) i += 2
    if (isWhole(words, i, ',', ';', '}')) {
      if (field === 'function_name') name = words[i].text
      else if (field === 'description') description = words[i].text
    } else if (field === 'flags' && isSign(words[i], '{')) flags = stringsOf(words, i + 1)
    i = endOfValue(words, i)
    if (isSign(words[i], '}')) break
  }
  return { one: name === undefined ? undefined : { name, description, flags }, end: i }
}

function stringsOf(words: readonly Word[], at: number): string[] {
  const strings: string[] = []
  for (let i = at; isWhole(words, i, ',', ';', '}'); i += 2) strings.push(words[i].text)
  return strings
}

/** Where the sign is that ends the value which begins at words[at]. */
function endOfValue(words: readonly Word[], at: number): number {
  let depth = 0
  for (let i = at; i < words.length; i++) {
    const { kind, text } = words[i]
    if (kind === 'string') continue
    if (depth === 0 && kind === 'sign' && (text === ',' || text === ';' || text === '}')) return i
    if (kind === 'name' ? opensBlock(text) : '([{'.includes(text)) depth++
    else if (kind === 'name' ? closesBlock(text) : ')]}'.includes(text)) depth--
  }
  return words.length
}
