/**
 * SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), as code scanning takes it: one run, a rule for each class of
 * finding, a result for each line. Pure.
 */
import { CLASSES, type LineFinding, type FindingClass } from '../../../audit/gosum.js'
import { factOf, isFailure, type FileReport } from './gosum-text.js'

/** Results that code scanning takes in one run; a document with more is refused whole. */
const MAX_RESULTS = 25_000

type RuleId = Exclude<FindingClass, 'private'>

interface Rule {
  readonly short: string
  readonly full: string
  readonly level: 'error' | 'warning'
}

const RULES: Readonly<Record<RuleId, Rule>> = {
  'log-conflict': {
    short: 'The checksum database showed two histories',
    full: 'Two heads signed by the log contradict each other. Keep the evidence file, and build nothing.',
    level: 'error',
  },
  'other-hash': {
    short: 'The log has another hash for this module version',
    full: 'Everybody else is given another content under this name: a moved tag, or a changed go.sum.',
    level: 'error',
  },
  'not-in-log': {
    short: 'The log does not have this module version',
    full: 'Nobody else can see it in the log. For a private module, name it in GOPRIVATE or GONOSUMDB.',
    level: 'error',
  },
  malformed: {
    short: 'This is no line of a go.sum file',
    full: 'A line is a module path, a version and a hash. Conflict markers of git are the usual reason.',
    level: 'error',
  },
  unproven: {
    short: 'What was answered is not proven',
    full: 'The answer is not in the tree of the quorum head: it was changed on the way, or its source lies.',
    level: 'error',
  },
  pending: {
    short: 'Nothing can be said of this line yet',
    full: 'The log does not answer, or no quorum head holds the record yet. Run the check again.',
    level: 'warning',
  },
}

const RULE_IDS = CLASSES.filter((name): name is RuleId => name !== 'private')

/** The document about these files. `problems` are errors that kept lines or files from being checked. */
export function sarifOf(reports: readonly FileReport[], problems: readonly string[], version: string): unknown {
  // When there are too many, those of the gravest classes stay.
  const results = reports
    .flatMap((report) => [
      ...convictionOf(report),
      ...report.findings.filter(isFailure).map((finding) => resultOf(report.file, finding)),
    ])
    .sort((a, b) => a.ruleIndex - b.ruleIndex)
    .slice(0, MAX_RESULTS)
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'gossum', semanticVersion: version, rules: RULE_IDS.map(ruleOf) } },
        invocations: [
          {
            executionSuccessful: problems.length === 0,
            toolExecutionNotifications: problems.map((text) => ({ level: 'error', message: { text } })),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results,
      },
    ],
  }
}

function ruleOf(id: RuleId): unknown {
  const { short, full, level } = RULES[id]
  return {
    id,
    shortDescription: { text: short },
    fullDescription: { text: full },
    help: { text: `${short}. ${full}` },
    defaultConfiguration: { level },
    properties: { tags: ['security', 'supply-chain'], 'security-severity': level === 'error' ? '8.0' : '3.0' },
  }
}

interface Result {
  readonly ruleIndex: number
  readonly [field: string]: unknown
}

function resultOf(file: string, finding: LineFinding): Result {
  const { module, version, kind, line } = finding
  const what = module === null ? '' : `${module} ${version!}${kind === 'mod' ? '/go.mod' : ''}: `
  return result(finding.class as RuleId, `${what}${factOf(finding)}`, file, line)
}

/** A conviction that no line of the file brought to light. */
function convictionOf({ file, evidence, findings }: FileReport): Result[] {
  if (evidence === null || findings.some((finding) => finding.class === 'log-conflict')) return []
  return [result('log-conflict', `evidence ${evidence.id}`, file, 1)]
}

function result(ruleId: RuleId, text: string, file: string, startLine: number): Result {
  return {
    ruleId,
    ruleIndex: RULE_IDS.indexOf(ruleId),
    level: RULES[ruleId].level,
    message: { text },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine } } }],
  }
}

/** A relative path stays relative, which is what places it in a repository. What came by stdin has no name. */
function uriOf(file: string): string {
  if (file === '-') return 'go.sum'
  const path = file.replaceAll('\\', '/').replace(/^(\.\/+)+/, '')
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  if (/^[A-Za-z]:\//.test(path)) return `file:///${escaped.replace('%3A', ':')}`
  return path.startsWith('/') ? `file://${escaped}` : escaped
}
