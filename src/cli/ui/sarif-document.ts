/**
 * SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0) as code scanning accepts it: one run, its rules, and one result
 * per finding. Pure.
 */

/** The most results that code scanning accepts in one run; a document with more is refused whole. */
const MAX_RESULTS = 25_000

export interface SarifRule {
  readonly short: string
  readonly full: string
  readonly level: 'error' | 'warning'
}

export interface SarifResult<Id extends string> {
  readonly rule: Id
  readonly text: string
  /** Path of the file that has the problem. */
  readonly file: string
  /** 1-based. */
  readonly line: number
}

/** A document. The rules are ordered from worst to least; `problems` are errors that prevented checks. */
export function sarifDocument<Id extends string>(
  rules: Readonly<Record<Id, SarifRule>>,
  results: readonly SarifResult<Id>[],
  problems: readonly string[],
  version: string,
): unknown {
  const ids = Object.keys(rules) as Id[]
  // If there are too many, results of the gravest rules are kept.
  const kept = results
    .map((result) => ({ ...result, ruleIndex: ids.indexOf(result.rule) }))
    .sort((a, b) => a.ruleIndex - b.ruleIndex)
    .slice(0, MAX_RESULTS)
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'gossum', semanticVersion: version, rules: ids.map((id) => ruleOf(id, rules[id])) } },
        invocations: [
          {
            executionSuccessful: problems.length === 0,
            toolExecutionNotifications: problems.map((text) => ({ level: 'error', message: { text } })),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: kept.map(({ rule, ruleIndex, text, file, line }) => ({
          ruleId: rule,
          ruleIndex,
          level: rules[rule].level,
          message: { text },
          locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine: line } } }],
        })),
      },
    ],
  }
}

function ruleOf(id: string, { short, full, level }: SarifRule): unknown {
  return {
    id,
    shortDescription: { text: short },
    fullDescription: { text: full },
    help: { text: `${short}. ${full}` },
    defaultConfiguration: { level },
    properties: { tags: ['security', 'supply-chain'], 'security-severity': level === 'error' ? '8.0' : '3.0' },
  }
}

/** A relative path stays relative, so that code scanning finds it in the repository. */
function uriOf(file: string): string {
  const path = file.replaceAll('\\', '/').replace(/^(\.\/+)+/, '')
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  if (/^[A-Za-z]:\//.test(path)) return `file:///${escaped.replace('%3A', ':')}`
  return path.startsWith('/') ? `file://${escaped}` : escaped
}
