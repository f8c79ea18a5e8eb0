/** The findings of `gossum check go.sum` for code scanning: a rule for each class, a result for each line. Pure. */
import type { LineFinding, FindingClass } from '../../../audit/gosum.js'
import { sarifDocument, type SarifResult, type SarifRule } from '../../ui/sarif-document.js'
import { factOf, isFailure, type FileReport } from './gosum-text.js'

type RuleId = Exclude<FindingClass, 'private'>

const RULES: Readonly<Record<RuleId, SarifRule>> = {
  'log-conflict': {
    short: 'The checksum database showed two histories',
    full: 'Two heads signed by the log contradict each other. Keep the evidence file, and build nothing.',
    level: 'error',
  },
  'other-hash': {
    short: 'The log has another hash for this module version',
    full: 'Everyone else is given other content under this name: a moved tag, or a changed go.sum.',
    level: 'error',
  },
  'not-in-log': {
    short: 'The log does not have this module version',
    full: 'It cannot be seen in the log. If the module is private, name it in GOPRIVATE or GONOSUMDB.',
    level: 'error',
  },
  malformed: {
    short: 'This is not a line of a go.sum file',
    full: 'A line is a module path, a version and a hash. Conflict markers of git are the usual cause.',
    level: 'error',
  },
  unproven: {
    short: 'The answer is not proven',
    full: 'The answer is not in the tree of the quorum head: it was changed on the way, or its source lies.',
    level: 'error',
  },
  pending: {
    short: 'This line cannot be judged yet',
    full: 'The log does not answer, or no quorum head holds the record yet. Run the check again.',
    level: 'warning',
  },
}

/** The document about these files. `problems` are errors that kept lines or files from being checked. */
export function sarifOf(reports: readonly FileReport[], problems: readonly string[], version: string): unknown {
  const results = reports.flatMap((report) => [
    ...convictionOf(report),
    ...report.findings.filter(isFailure).map((finding) => resultOf(report.file, finding)),
  ])
  return sarifDocument(RULES, results, problems, version)
}

function resultOf(file: string, finding: LineFinding): SarifResult<RuleId> {
  const { module, version, kind, line } = finding
  const what = module === null ? '' : `${module} ${version!}${kind === 'mod' ? '/go.mod' : ''}: `
  return { rule: finding.class as RuleId, text: `${what}${factOf(finding)}`, file: nameOf(file), line }
}

/** A conviction that did not come from a line of the file. */
function convictionOf({ file, evidence, findings }: FileReport): SarifResult<RuleId>[] {
  if (evidence === null || findings.some((finding) => finding.class === 'log-conflict')) return []
  return [{ rule: 'log-conflict', text: `evidence ${evidence.id}`, file: nameOf(file), line: 1 }]
}

/** A file read from stdin has no name. */
function nameOf(file: string): string {
  return file === '-' ? 'go.sum' : file
}
