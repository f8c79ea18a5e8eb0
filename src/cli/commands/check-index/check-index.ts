/** `gossum check index`: compares a public index of module versions with a log that a node has audited. */
import { Command } from 'commander'
import { parseDuration } from '../../../config/mirror-setting.js'
import { GossumError } from '../../../errors.js'
import { compareMoments, formatMoment, parseMoment, type Moment } from '../../../lib/rfc3339.js'
import { publicFeed } from '../../../mirror/index/public-feed.js'
import type { CommonFlags } from '../../common-flags.js'
import { EXIT, gravest } from '../../exit.js'
import { NodeClient } from '../../node-client.js'
import { nodeUrl } from '../../node-url.js'
import { output, type Output } from '../../ui/output.js'
import { INDEX_CLASSES, IndexCheck, type IndexClass, type IndexFinding, type IndexReport } from './index-check.js'
import { IndexCursor } from './index-cursor.js'

interface IndexFlags extends CommonFlags {
  readonly since?: string
  readonly lag: string
}

/** Progress is saved after this many seconds of index time have been judged. */
const WRITE_EVERY = 3600

export function indexCommand(): Command {
  return new Command('index')
    .description('compare a public index of module versions with the log')
    .argument('<URL>', 'the index, such as https://index.golang.org/index')
    .option(
      '--since <TIME>',
      'check from this time on (default: where the last run ended, or where the times of the node begin)',
    )
    .option('--lag <DURATION>', 'how far one side may lag behind the other', '6h')
    .addHelpText(
      'after',
      `
Examples:
  gossum check index https://index.golang.org/index
  gossum check index https://index.golang.org/index --since 2026-11-01T00:00:00Z --lag 1d
  gossum check index http://10.0.0.7:46787/index --node http://127.0.0.1:46787    another node, by this one
  gossum check index https://index.golang.org/index --json | jq -r 'select(.class == "index only") | .path'

The node must run with --audit: its /index has every version in the log, with the time of the first quorum head that covers it.
  index only    the index shows a version of which the log has no record
  log only      the log has a version that the index has not shown within --lag
  time order    the index goes back in time, or shows a version before the log had it, or later by more than --lag
  invalid line  a line that does not belong in an index

Entries younger than --lag are left to the next run, which continues there: progress is stored in $XDG_CACHE_HOME/gossum.
The times of records that the log had before the node's first quorum head are not judged.

Exit code 0 when the two agree; 2 when they do not; 4 when the node is behind, or there is more than one run can read; 1 when one
of them did not answer. With --json each finding is a line, and the last line is the verdict.
`,
    )
    .action(async (url: string, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<IndexFlags>()
      process.exitCode = await check(url, flags, output(flags))
    })
}

async function check(url: string, flags: IndexFlags, out: Output): Promise<number> {
  const lag = lagOf(flags.lag)
  const asked = flags.since === undefined ? undefined : sinceOf(flags.since)
  const node = new NodeClient(nodeUrl(flags))
  const feed = publicFeed(url)
  const cursor = new IndexCursor({ feed: feed.url, node: node.url })
  const counts = Object.fromEntries(INDEX_CLASSES.map((name) => [name, 0])) as Record<IndexClass, number>
  let written: Moment | undefined
  let reached = ''
  const run = new IndexCheck({
    ...{ feed: feed.ask, node, lag, now: Date.now },
    onFinding: (finding) => {
      counts[finding.class]++
      tell(finding, out)
    },
    onJudged: async (judged) => {
      reached = `, judged up to ${formatMoment(judged)}`
      // What was reported up to here is not reported again if this run is interrupted.
      if (written !== undefined && compareMoments(judged, { ...written, seconds: written.seconds + WRITE_EVERY }) < 0)
        return
      if (written !== undefined) await cursor.write(judged)
      written = judged
    },
  }).run(asked ?? (await cursor.read()))
  const report = await out.progress(() => `reading ${feed.url} and ${node.url}${reached}`, run)
  if (compareMoments(report.judged, report.since) > 0) await cursor.write(report.judged)
  const found = INDEX_CLASSES.reduce((sum, name) => sum + counts[name], 0)
  const exit = gravest([
    found > 0 ? EXIT.refused : EXIT.fine,
    report.undecided === undefined ? EXIT.fine : EXIT.undecided,
  ])
  conclude(report, { feed: feed.url, node: node.url, findings: counts, found }, out)
  return exit
}

interface Compared {
  readonly feed: string
  readonly node: string
  readonly findings: Record<IndexClass, number>
  readonly found: number
}

function conclude(report: IndexReport, { feed, node, findings, found }: Compared, out: Output): void {
  const { since, judged, lines, records, undecided = null } = report
  const verdict = found > 0 ? 'differs' : undecided === null ? 'ok' : 'undecided'
  const span = { since: formatMoment(since), judged: formatMoment(judged) }
  out.json({ verdict, feed, node, ...span, lines, records, findings, undecided })
  const read = `${lines} lines of the index and ${records} records of the log`
  out.line(`${verdict}: ${read}, judged from ${span.since} to ${span.judged}: ${found} findings`)
  if (undecided !== null) out.talk(`not everything is judged: ${undecided}`, { important: true })
}

function tell(finding: IndexFinding, out: Output): void {
  out.json(finding)
  const { class: of, path, version, feedTime, logTime, detail } = finding
  const times = [feedTime && `index ${feedTime}`, logTime && `log ${logTime}`].filter(Boolean).join(', ')
  const what = path === null ? '' : ` ${path}@${version}`
  out.line(`${out.paint('red', of)}${what}${times === '' ? '' : ` (${times})`}: ${detail}`)
}

function sinceOf(text: string): Moment {
  const since = parseMoment(text)
  if (since === undefined) throw new GossumError('USAGE', `--since is a time such as 2026-01-31T00:00:00Z: ${text}`)
  return since
}

/** In seconds. */
function lagOf(text: string): number {
  try {
    return parseDuration(text, 'lag') / 1000
  } catch (error) {
    if (error instanceof GossumError) throw new GossumError('USAGE', `--lag: ${error.detail}`, error)
    throw error
  }
}
