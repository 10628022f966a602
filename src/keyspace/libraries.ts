// Libraries of functions: source text that servers with a script engine can run. This node runs none; it keeps what it is
// given whole, for whoever it hands its data to.

export interface Library {
  readonly name: string
  /** The word behind `#!` in its first line. */
  readonly engine: string
  /** One byte a character. */
  readonly code: string
}

const FIRST_LINE = /^#!([^\s]+)([^\n]*)/
const NAME = /(?:^|\s)name=(?:"([^"]*)"|'([^']*)'|([^\s"']+))/i

/** What the source says of itself in its first line: `#!lua name=mylib`. Undefined when it says no name. */
export function libraryOf(code: string): Library | undefined {
  const line = FIRST_LINE.exec(code)
  const name = line === null ? null : NAME.exec(line[2])
  if (line === null || name === null) return undefined
  return { name: name[1] ?? name[2] ?? name[3], engine: line[1].toUpperCase(), code }
}

/** By name. */
export type Libraries = Map<string, Library>
