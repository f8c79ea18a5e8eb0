/**
 * Which modules are private: the comma-separated patterns of GONOSUMDB and GOPRIVATE, interpreted like the go command
 * (golang.org/x/mod/module.MatchPrefixPatterns; each pattern as in Go's path.Match).
 *
 * Pure.
 */

/** The most steps of matching one pattern. Ordinary patterns take few; one with many stars could take for ever. */
const MAX_STEPS = 100_000

/**
 * The go command always looks it up, whatever the patterns, because it executes what it downloads (cmd/go, useSumDB).
 */
const NEVER_PRIVATE = 'golang.org/toolchain'

/** Whether one of the patterns matches the path, or its first elements, as many as the pattern has. */
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

/** What matches a single character of the text. */
type Step = '*' | ((char: string) => boolean)

const anyButSlash = (char: string): boolean => char !== '/'

/** Whether the whole text matches a pattern; a malformed one matches nothing. */
function matches(pattern: string, text: string): boolean {
  const steps = parse(Array.from(pattern))
  return steps !== undefined && run(steps, Array.from(text))
}

/**
 * `*` matches any characters except slashes, `?` one character, `[a-z]` and `[^a-z]` one of a class, `\c` that
 * character.
 */
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

/** The class whose opening bracket precedes `start`; `end` is the position of its closing bracket. */
function parseClass(chars: readonly string[], start: number): { step: Step; end: number } | undefined {
  let i = start
  const isNegated = chars[i] === '^'
  if (isNegated) i++
  const ranges: [low: number, high: number][] = []
  /** One end of a range, which may be a bracket or a dash only after a backslash. */
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

/** Matches with a single point of backtracking: after the last star, one character further on. */
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
