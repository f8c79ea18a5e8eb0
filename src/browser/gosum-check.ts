/**
 * Checks lines of a go.sum against a checksum database, through the node: each record is proven, in the browser, to be
 * in the tree of the quorum head. Names of modules are sent for that, except those of private ones.
 */
import { checkModules, type Checked } from '../audit/checker.js'
import { judgeLine, malformedFinding, moduleKey, parseGoSum, type GoSum, type LineFinding } from '../audit/gosum.js'
import { errorText, GossumError } from '../errors.js'
import { encodeEvidence, evidenceId } from '../evidence/evidence.js'
import { isPrivate } from '../sumdb/goprivate.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import { databaseShown } from './head-check.js'
import { trustText, type LogOfNode, type NodeKeys } from './trusted-keys.js'
import type { CheckAnswer } from './shown-answer.js'
import { countedOf } from './words-of-checks.js'

/** The most module versions that a page asks about: beyond that, the command line is the better tool. */
export const MOST_MODULES = 5_000
/** The most lines that are shown. */
const MOST_ROWS = 200

/** What would be sent. */
export interface GoSumPlan {
  readonly file: GoSum
  readonly modules: readonly ModuleVersion[]
  /** Module versions that match the patterns, and are not asked about. */
  readonly withheld: number
  readonly patterns: string
}

/** `patterns` are in the form of GOPRIVATE. Throws FILE_UNREADABLE. */
export function planOf(bytes: Uint8Array, patterns: string): GoSumPlan {
  const file = parseGoSum('the go.sum', bytes)
  const all = new Map(file.lines.map((line) => [moduleKey(line), { path: line.module, version: line.version }]))
  const modules = [...all.values()].filter(({ path }) => !isPrivate(patterns, path))
  return { file, modules, withheld: all.size - modules.length, patterns }
}

/** `onAsked` receives the number of module versions answered so far. */
export async function checkPlan(
  { file, modules, withheld, patterns }: GoSumPlan,
  log: LogOfNode,
  keys: NodeKeys,
  { onAsked, signal }: { readonly onAsked: (count: number) => void; readonly signal: AbortSignal },
): Promise<CheckAnswer> {
  let asked = 0
  const hear = (path: string): void => {
    if (path.startsWith('lookup/')) onAsked(++asked)
  }
  try {
    const { client, key, quorum, signed } = await databaseShown(log, keys, hear)
    const checked = await checkModules(modules, { client, key, quorum, signal })
    const answers = new Map(modules.map(({ path, version }, i) => [`${path}@${version}`, checked.answers[i]!]))
    const findings = [
      ...file.malformed.map(malformedFinding),
      ...file.lines.flatMap((line) => {
        const answer = answers.get(moduleKey(line))
        return answer === undefined ? [] : (judgeLine(line, answer) ?? [])
      }),
    ].sort((a, b) => a.line - b.line)
    const left = file.lines.filter(({ module }) => isPrivate(patterns, module)).length
    const held = withheld === 0 ? [] : [`${countedOf(left, 'line')} of private modules: nobody was asked about them.`]
    return answerOf(file, left, findings, checked, [...held, signed, trustText(key)])
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof GossumError)) throw error
    return { kind: 'unsure', sentence: 'PENDING: this node could not say.', details: [errorText(error), error.hint] }
  }
}

function answerOf(
  { lines, malformed }: GoSum,
  left: number,
  findings: readonly LineFinding[],
  { conviction }: Checked,
  more: readonly string[],
): CheckAnswer {
  const asked = lines.length + malformed.length - left
  if (findings.length === 0)
    return {
      kind: 'good',
      sentence: `ALL WELL: ${countedOf(asked, 'line')} are in the log exactly as in the file.`,
      details: ['Each record was proven, in this browser, to be in the tree of the head.', ...more],
    }
  const isBad = findings.some(({ class: of }) => of === 'other-hash' || of === 'log-conflict' || of === 'malformed')
  const rows = findings.slice(0, MOST_ROWS).map(rowOf)
  const hidden = findings.length > rows.length ? [`${findings.length - rows.length} more are not shown.`] : []
  const proof = conviction && {
    file: { name: `${evidenceId(conviction.evidence)}.json`, bytes: encodeEvidence(conviction.evidence) },
  }
  return {
    kind: isBad || conviction !== undefined ? 'bad' : 'unsure',
    sentence: `${findings.length} of ${countedOf(asked, 'line')} ${isBad ? 'are NOT as in the log' : 'could not be proven'}.`,
    details: [...hidden, ...more],
    rows,
    ...proof,
  }
}

function rowOf({ line, module, version, kind, class: of, have, log, reason }: LineFinding): [string, string, string] {
  const what = module === null ? have : `${module} ${version!}${kind === 'mod' ? '/go.mod' : ''}`
  return [String(line), shortened(what), shortened(wordsFor(of, have, log, reason))]
}

function wordsFor(of: LineFinding['class'], have: string, log: readonly string[], reason: string | null): string {
  switch (of) {
    case 'other-hash':
      return `ANOTHER HASH: the file has ${have}, the log has ${log.join(', ')}`
    case 'not-in-log':
      return `not in the log, says this node: ${reason ?? ''}`
    case 'log-conflict':
      return `the log contradicts itself: ${reason ?? ''}`
    case 'malformed':
      return `not a line of a go.sum: ${reason ?? ''}`
    default:
      return `${of}: ${reason ?? ''}`
  }
}

function shortened(text: string): string {
  return text.length <= 400 ? text : `${text.slice(0, 399)}…`
}
