/**
 * Which modules are private: the comma-separated patterns of GONOSUMDB and GOPRIVATE, read as the go command reads them
 * (golang.org/x/mod/module.MatchPrefixPatterns; each pattern as Go's path.Match has it).
 *
 * Pure.
 */

/** The most steps that one pattern may take. What people write takes a few; a pattern of many stars could take for ever. */
const MAX_STEPS = 100_000

/** What the go command looks up whatever the patterns say, for it runs what it downloads (cmd/go, useSumDB). */
const NEVER_PRIVATE = 'golang.org/toolchain'

/** Whether one of the patterns matches the path, or as many of its first elements as the pattern has. */
export function isPrivate(patterns: string, path: string): boolean {
  if (path === NEVER_PRIVATE) return false
  return patterns.split(',').some((entry) => {
    const pattern = entry.endsWith('/') ? entry.slice(0, -1) : entry
    if (pattern === '') return false
    const count = pattern.split('/').length
    const elements = path.split('/')
    return elements.length >= count && matches(pattern, elements.slice(0, count).join('/'))
  })
}

/** What a single character of the text may be. */
type Step = '*' | ((char: string) => boolean)

const anyButSlash = (char: string): boolean => char !== '/'

/** Whether the whole text matches a pattern; a malformed one matches nothing. */
function matches(pattern: string, text: string): boolean {
  const steps = parse(Array.from(pattern))
  return steps !== undefined && run(steps, Array.from(text))
}

/** `*` any characters but slashes, `?` one, `[a-z]` and `[^a-z]` one of a class, `\c` that character. */
function parse(chars: readonly string[]): Step[] | undefined {
  const steps: Step[] = []
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!
    if (char === '*') {
      steps.push('*')
    } else if (char === '?') {
      steps.push(anyButSlash)
    } else if (char === '[') {
      const parsed = parseClass(chars, i + 1)
      if (parsed === undefined) return undefined
      steps.push(parsed.step)
      i = parsed.end
    } else {
      const literal = char === '\\' ? chars[++i] : char
      if (literal === undefined) return undefined
      steps.push((other) => other === literal)
    }
  }
  return steps
}

/** The class that begins at `start`, behind its bracket; `end` is where its closing bracket stands. */
function parseClass(chars: readonly string[], start: number): { step: Step; end: number } | undefined {
  let i = start
  const isNegated = chars[i] === '^'
  if (isNegated) i++
  const ranges: [low: number, high: number][] = []
  /** One end of a range; a bracket and a dash are ends only behind a backslash. */
  const next = (): number | undefined => {
    if (chars[i] === '-' || chars[i] === ']') return undefined
    if (chars[i] === '\\') i++
    return chars[i++]?.codePointAt(0)
  }
  while (chars[i] !== ']' || ranges.length === 0) {
    const low = next()
    if (low === undefined) return undefined
    if (chars[i] !== '-') {
      ranges.push([low, low])
      continue
    }
    i++
    const high = next()
    if (high === undefined) return undefined
    ranges.push([low, high])
  }
  const step = (char: string): boolean => {
    const point = char.codePointAt(0)!
    // Unlike ? and *, a class of Go may match a slash.
    return ranges.some(([low, high]) => low <= point && point <= high) !== isNegated
  }
  return { step, end: i }
}

/** Matches with one place to come back to: behind the last star, one character further on. */
function run(steps: readonly Step[], text: readonly string[]): boolean {
  let [at, step] = [0, 0]
  let star: { step: number; at: number } | undefined
  for (let budget = MAX_STEPS; budget > 0; budget--) {
    if (at === text.length && step === steps.length) return true
    const current = steps[step]
    if (current === '*') {
      star = { step, at }
      step++
    } else if (current !== undefined && at < text.length && current(text[at]!)) {
      at++
      step++
    } else if (star !== undefined && star.at < text.length && text[star.at] !== '/') {
      star.at++
      at = star.at
      step = star.step + 1
    } else {
      return false
    }
  }
  return false
}
