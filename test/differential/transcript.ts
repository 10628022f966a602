// What a connection got, told apart: replies, and what it is told in between (messages, invalidations). Where Redis walks
// a hash table, the order is chance there: it is made one and the same here.

/** Words of messages, and how many elements they have. */
const MESSAGES: Readonly<Record<string, number>> = {
  message: 3,
  pmessage: 4,
  smessage: 3,
  invalidate: 2,
  'tracking-redir-broken': 2,
}
const GOODBYES: ReadonlySet<string> = new Set(['unsubscribe', 'sunsubscribe'])

/** Either the lines of a reply, one token each, or a whole message. */
export interface Piece {
  kind: 'reply' | 'message'
  tokens: string[]
}

/** In the order they came. `unordered`: names of channels that are left all at once come in any order. */
export function pieces(text: string, unordered: boolean): Piece[] {
  const tokens = [...tokensOf(text)]
  const all: Piece[] = []
  for (let at = 0; at < tokens.length; ) {
    const length = messageLength(tokens, at)
    all.push({ kind: length > 0 ? 'message' : 'reply', tokens: tokens.slice(at, at + Math.max(1, length)) })
    at += Math.max(1, length)
  }
  for (const { kind, tokens } of all) {
    // The null of a flush: Redis writes it as the client speaks that tracks, even to another one that is told in its place.
    if (kind === 'message')
      tokens.splice(0, tokens.length, ...tokens.map((token) => (token === '_\r\n' ? '$-1\r\n' : token)))
  }
  sortRuns(all, samePublication)
  sortRuns(all, bothInvalidate)
  if (unordered) sortGoodbyes(all)
  return all
}

/** A header line, a scalar, or a whole bulk string. What is cut off at the end is a token too. */
function* tokensOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    if (end < 0) {
      yield text.slice(at)
      return
    }
    const isBulk = '$=!'.includes(text[at]) && text[at + 1] !== '-'
    const next = isBulk ? end + 2 + Number(text.slice(at + 1, end)) + 2 : end + 2
    yield text.slice(at, next)
    at = next
  }
}

/** How many tokens the message that begins here has; 0: none does. */
function messageLength(tokens: readonly string[], at: number): number {
  const header = /^[*>](\d+)\r\n$/.exec(tokens[at])
  if (header === null || MESSAGES[wordOf(tokens[at + 1])] !== Number(header[1])) return 0
  return valueEnd(tokens, at) - at
}

function valueEnd(tokens: readonly string[], at: number): number {
  const header = /^[*>](\d+)\r\n$/.exec(tokens[at] ?? '')
  let end = at + 1
  for (let i = 0; i < Number(header?.[1] ?? 0); i++) end = valueEnd(tokens, end)
  return end
}

function wordOf(token: string | undefined): string {
  return /^\$\d+\r\n([a-z-]+)\r\n$/.exec(token ?? '')?.[1] ?? ''
}

/** Of patterns that fit, whose message comes first is chance. */
function samePublication(one: Piece, other: Piece): boolean {
  const isOfPattern = (piece: Piece): boolean => piece.kind === 'message' && wordOf(piece.tokens[1]) === 'pmessage'
  return isOfPattern(one) && isOfPattern(other) && one.tokens.slice(3).join('') === other.tokens.slice(3).join('')
}

/** Of the keys that one command changed, and of those who read one, which is told of first is nobody's promise. */
function bothInvalidate(one: Piece, other: Piece): boolean {
  return [one, other].every(
    ({ kind, tokens }) =>
      kind === 'message' && /\b(?:invalidate|tracking-redir-broken)\r/.test(`${tokens[1]}${tokens[2]}`),
  )
}

function sortRuns(all: Piece[], belong: (one: Piece, other: Piece) => boolean): void {
  for (let from = 0; from < all.length; ) {
    let to = from + 1
    while (to < all.length && belong(all[from], all[to])) to++
    const sorted = all.slice(from, to).sort((a, b) => (a.tokens.join('') < b.tokens.join('') ? -1 : 1))
    all.splice(from, to - from, ...sorted)
    from = to
  }
}

/** Confirmations keep their counts, which go down, and get the names in order. Their tokens are pieces of replies. */
function sortGoodbyes(all: Piece[]): void {
  for (let from = 0; from < all.length; ) {
    const names: { piece: Piece; name: string }[] = []
    const word = goodbyeAt(all, from)
    let at = from
    while (word !== '' && goodbyeAt(all, at) === word) {
      names.push({ piece: all[at + 2], name: all[at + 2].tokens[0] })
      at += 4
    }
    const sorted = names.map(({ name }) => name).sort()
    for (const [i, { piece }] of names.entries()) piece.tokens[0] = sorted[i]
    from = Math.max(at, from + 1)
  }
}

function goodbyeAt(all: readonly Piece[], at: number): string {
  const word = wordOf(all[at + 1]?.tokens[0])
  return /^[*>]3\r\n$/.test(all[at]?.tokens[0] ?? '') && GOODBYES.has(word) && at + 3 < all.length ? word : ''
}
