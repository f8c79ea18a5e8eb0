/** Checks of a running node: its conditions, its quorums, its peers, and whether they keep what it signed. Pure. */
import type { PeerView, StatusView } from '../../../status/shapes.js'
import { SEVERITIES } from '../../../status/conditions.js'
import { grouped } from '../../../lib/words.js'
import { EXIT } from '../../exit.js'
import { fail, ok, warn, type Diagnosis } from './diagnosis.js'

export function nodeFindings(status: StatusView, peers: readonly PeerView[], bootstrap: number): Diagnosis[] {
  const { version, conditions, logs, deposit, guard } = status
  const bad = conditions.filter(({ severity }) => SEVERITIES[severity].exit !== 0)
  return [
    ok('node', `version ${version} runs at ${status.http}, since ${status.startedAt}`),
    ...bad.map(({ name, severity, text }) =>
      severity === 'doubtful'
        ? warn(`condition: ${name}`, text, CONDITION_HINT)
        : fail(`condition: ${name}`, text, CONDITION_HINT, SEVERITIES[severity].exit),
    ),
    ...logs
      .filter(({ disabled }) => !disabled)
      .map(({ name, size, quorum }) =>
        quorum !== null
          ? ok(
              `quorum of ${name}`,
              `size ${grouped(quorum.size)} of ${grouped(size)}, ${quorum.cosignatures.length} cosignatures`,
            )
          : warn(
              `quorum of ${name}`,
              'there is none yet',
              'gossum policy check says who is needed, gossum peers who is connected',
            ),
      ),
    peerFinding(peers, bootstrap),
    GUARDED.has(guard.state) ? ok('guard', guard.text) : warn('guard', guard.text, GUARD_HINT),
    deposit.state === 'undeposited'
      ? fail('held by others', deposit.text, 'see that enough --bootstrap peers run: gossum peers', EXIT.undecided)
      : ok('held by others', deposit.text),
  ]
}

const CONDITION_HINT = 'docs/operating.md, "Conditions"; gossum status has the details'
const GUARD_HINT = 'docs/operating.md, "The rollback guard"'
const GUARDED: ReadonlySet<string> = new Set(['fresh', 'guarded', 'unguarded'])

function peerFinding(peers: readonly PeerView[], bootstrap: number): Diagnosis {
  const old = peers.filter(({ depositary }) => depositary === false)
  const said = `${peers.length} connected, ${peers.filter(({ witness }) => witness !== null).length} of them witnesses`
  if (bootstrap > 0 && peers.length === 0)
    return fail(
      'peers',
      `none of ${bootstrap} configured peers is connected`,
      'check their addresses, and that outgoing TCP is allowed',
    )
  if (old.length > 0) return warn('peers', `${said}; ${old.length} keep no promises`, 'have them updated')
  return ok('peers', said)
}
