// TypeScript as text, for checks of the tree that need no compiler: comments and strings taken out, imports found.

/**
 * The source with every comment blanked, and what stands in strings, templates and regular expressions too (unless
 * `keepStrings`). Lines stay where they are; code inside `${}` stays.
 */
export function codeOf(source: string, { keepStrings = false } = {}): string {
  const out: string[] = []
  /** For each template that is open: how many braces are open inside its present `${}`. */
  const templates: number[] = []
  const blank = (text: string): string => text.replace(/[^\n]/g, ' ')
  const quoted = (text: string): string =>
    keepStrings || text.length < 2 ? text : text[0] + blank(text.slice(1, -1)) + text.at(-1)
  let at = 0
  let before = '' // the last token that is no space: it decides whether a slash divides

  const take = (length: number, as: (text: string) => string): void => {
    const text = source.slice(at, at + length)
    out.push(as(text))
    at += length
  }

  const matched = (pattern: RegExp): number => {
    pattern.lastIndex = at
    return pattern.exec(source)?.[0].length ?? 1
  }

  while (at < source.length) {
    const char = source[at]
    if (source.startsWith('//', at)) take(matched(/[^\n]*/y), blank)
    else if (source.startsWith('/*', at)) take(matched(/\/\*[\s\S]*?\*\//y), blank)
    else if (char === "'" || char === '"') {
      take(matched(char === '"' ? /"(?:[^"\\]|\\[\s\S])*"/y : /'(?:[^'\\]|\\[\s\S])*'/y), quoted)
      before = char
    } else if (char === '`' || (char === '}' && templates.at(-1) === 0)) {
      if (char === '}') templates.pop()
      const text = matched(/[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y)
      const open = source.slice(at, at + text).endsWith('${')
      take(text, (all) => (keepStrings ? all : char + blank(all.slice(1, open ? -2 : -1)) + (open ? '${' : '`')))
      if (open) templates.push(0)
      before = open ? '{' : '`'
    } else if (char === '/' && !divides(before)) {
      take(matched(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y), (text) =>
        keepStrings ? text : blank(text),
      )
      before = '/regexp/'
    } else {
      const length = matched(/[\w$]+|\s+|[\s\S]/y)
      const token = source.slice(at, at + length)
      if (templates.length > 0 && token === '{') templates.push(templates.pop()! + 1)
      if (templates.length > 0 && token === '}') templates.push(templates.pop()! - 1)
      if (token.trim() !== '') before = token
      take(length, (text) => text)
    }
  }
  return out.join('')
}

/** After a name, a number, a closing bracket or a string, a slash divides; elsewhere it opens a regular expression. */
function divides(before: string): boolean {
  if (/^(?:return|typeof|case|in|of|do|else|void|delete|throw|await|yield|instanceof)$/.test(before)) return false
  return /[\w$)\]}'"`/]$/.test(before)
}

export interface Import {
  /** As written: `./link.js`, `node:fs`, `uvu`. */
  from: string
  typeOnly: boolean
}

/** Static imports, re-exports and dynamic imports of a literal. */
export function importsOf(source: string): Import[] {
  const code = codeOf(source, { keepStrings: true })
  const statics = code.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]+?\sfrom\s*)?['"]([^'"\n]+)['"]/gm)
  const dynamics = code.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]/g)
  return [
    ...Array.from(statics, ([, type, from]) => ({ from, typeOnly: type !== undefined })),
    ...Array.from(dynamics, ([, from]) => ({ from, typeOnly: false })),
  ]
}
