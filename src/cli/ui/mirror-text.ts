/** The status of a module mirror, as lines for people. Pure. */
import type { MirrorStatusView } from '../../status/mirror-shapes.js'
import { age, counted } from './node-text.js'
import { span } from '../../lib/words.js'

/** Applies a style to a text. */
type Paint = (style: 'red' | 'yellow' | 'bold', text: string) => string

/** The most refusals that are listed. */
const MAX_REFUSALS = 10
/** The most versions of one module that are listed. */
const MAX_VERSIONS = 5

/** A number of bytes, in the largest unit that fits. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1)
  return `${unit === 0 ? bytes : (bytes / 2 ** (10 * unit)).toFixed(1)} ${units[unit]!}`
}

/** `now`: milliseconds since 1970. */
export function mirrorStatusLines(status: MirrorStatusView, now: number, paint: Paint): string[] {
  const { upstreams, kept, pinned, hidden, refused } = status
  return [
    ...upstreams.map(({ url, failingSince, reason }) =>
      failingSince === null
        ? line('upstream', `${url}  answers`)
        : line('upstream', `${url}  ${paint('yellow', `fails since ${age(failingSince, now)}: ${reason ?? ''}`)}`),
    ),
    line('kept', `${counted(kept.files, 'file')}, ${bytesText(kept.bytes)} of ${bytesText(kept.maxBytes)}`),
    ...(kept.damaged === 0
      ? []
      : [line('damaged', paint('red', `${counted(kept.damaged, 'file')} on this disk, set aside and fetched again`))]),
    ...cooldownLines(status),
    ...pinned.map((module) => line('pinned', module)),
    ...hidden.map(({ path, versions, count }) => line('hidden', hiddenText(path, versions, count))),
    ...refused.slice(0, MAX_REFUSALS).flatMap((one) => refusedLines(one, now, paint)),
    ...(refused.length > MAX_REFUSALS ? [line('refused', `${refused.length - MAX_REFUSALS} more: --json`)] : []),
  ]
}

function line(label: string, text: string): string {
  return `${label.padEnd(11)}${text}`
}

function cooldownLines({ cooldown, existingAllowed, allowed }: MirrorStatusView): string[] {
  if (cooldown === null) return []
  const existing = existingAllowed ? "; not of what the log had before this node's first quorum head" : ''
  return [line('cooldown', `${span(cooldown)}${existing}`), ...allowed.map((module) => line('allowed', module))]
}

/** Versions that are in the log but not in the list of an upstream. */
function hiddenText(path: string, versions: readonly string[], count: number): string {
  const named = versions.slice(0, MAX_VERSIONS)
  const more = count > named.length ? ` and ${count - named.length} more` : ''
  return `${path}  ${named.join(', ')}${more}: in the log, but not in the list of the upstream`
}

function refusedLines(one: MirrorStatusView['refused'][number], now: number, paint: Paint): string[] {
  const { at, path, version, kind, upstream, reason, expected, got } = one
  const file = kind === 'mod' ? 'go.mod' : 'zip'
  const what = `${paint('red', `${path}@${version}`)}  the ${file} from ${upstream}, ${age(at, now)}: ${reason} [${one.class}]`
  return [
    line('refused', what),
    ...(expected === null || got === null ? [] : [line('', `${got}, where the log has ${expected}`)]),
  ]
}
