/** `gossum explain`: what an error code means, and what to do about it. */
import { Command } from 'commander'
import { nearest } from '../../config/nearest.js'
import { ERRORS, GossumError, HintedError, traitsOf, type ErrorCode } from '../../errors.js'
import type { CommonFlags } from '../common-flags.js'
import { output, type Output } from '../ui/output.js'

export function command(): Command {
  return new Command('explain')
    .description('say what an error code means, and what to do about it')
    .argument('[CODE]', 'an error code; without one all are listed')
    .addHelpText(
      'after',
      `
Examples:
  gossum explain STATE_DISAGREES
  gossum explain state_disagrees --json | jq .hint
  gossum explain                                    every code, one per line

docs/errors.md has the same on one page.
`,
    )
    .action((given: string | undefined, _options: unknown, self: Command) => {
      const out = output(self.optsWithGlobals<CommonFlags>())
      if (given === undefined) for (const code of CODES) tell(out, code, [`${code.padEnd(WIDEST)}  ${ERRORS[code][0]}`])
      else explain(out, codeNamed(given))
    })
}

const CODES = Object.keys(ERRORS) as ErrorCode[]
const WIDEST = Math.max(...CODES.map(({ length }) => length))

/** The code that is meant, in whatever case it is written. Throws USAGE. */
function codeNamed(given: string): ErrorCode {
  const code = CODES.find((candidate) => candidate === given.toUpperCase())
  if (code !== undefined) return code
  const meant = nearest(given, CODES)
  throw new HintedError(
    new GossumError('USAGE', `there is no error code ${JSON.stringify(given)}`),
    meant === undefined ? 'gossum explain lists them all' : `did you mean ${meant}?`,
  )
}

/** The names of the exit codes (gossum help exit-codes). */
const EXIT_WORDS = { 1: 'could not', 2: 'refused', 3: 'misbehaviour', 4: 'undecided' } as const

function explain(out: Output, code: ErrorCode): void {
  const [sentence, hint] = ERRORS[code]
  const { status, exit, gossip, retryable } = traitsOf(code)
  tell(out, code, [
    out.paint('bold', code),
    `  what happened  ${sentence}`,
    `  what to do     ${hint}`,
    `  over HTTP      ${status}`,
    `  exit code      ${exit} (${EXIT_WORDS[exit]})`,
    `  asking again   ${retryable ? 'may help later' : 'gets the same answer until something changes'}`,
    `  from a peer    ${gossip === 'reject' ? 'lowers the score of the peer' : 'is ignored, at no cost to the peer'}`,
  ])
}

/** Prints a code as a JSON line, or as lines for people. */
function tell(out: Output, code: ErrorCode, lines: readonly string[]): void {
  const [message, hint, { status, exit, gossip, retryable }] = ERRORS[code]
  out.json({ code, message, hint, status, exit, gossip, retryable })
  lines.forEach((line) => out.line(line))
}
