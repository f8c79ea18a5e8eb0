/** Which events of a node raise an alert at once, and its text. Pure. */
import type { Tidings } from '../alerts/alert.js'
import type { Cover } from '../alerts/holding.js'
import type { NodeEvent } from './events.js'

/** The content of an alert, without what only the node knows. */
export interface EventTidings extends Omit<Tidings, 'log' | 'evidence' | 'kind'> {
  readonly kind: 'evidence' | 'suspect' | 'watch'
  readonly log: string
  /** Id of the evidence that goes with it. */
  readonly evidence: string | null
  /** The condition that holds because of the event, and raises no further alert. */
  readonly covers: Cover
}

/** The alert for an event; undefined if it raises none. `own`: verifier keys of this node. */
export function foundIn(event: NodeEvent, own: readonly string[]): EventTidings | undefined {
  const { at: since } = event
  switch (event.event) {
    case 'evidence': {
      const { log, id, witness, module, sizes } = event
      const common = { kind: 'evidence', state: 'firing', log, since, evidence: id } as const
      if (witness !== null) {
        const isOwn = own.includes(witness)
        return {
          ...common,
          severity: isOwn ? 'misbehaviour' : 'doubtful',
          name: 'witness conflict',
          sentence: `${isOwn ? "this node's own key" : 'the witness'} ${witness.split('+', 1)[0]!} has cosigned two histories (heads of sizes ${sizes.join(' and ')})`,
          covers: [isOwn ? 'own key convicted' : 'witness convicted', null],
        }
      }
      return {
        ...common,
        severity: 'misbehaviour',
        name: module === undefined ? 'split view' : 'bad record',
        sentence:
          module === undefined
            ? `the log has signed two histories (heads of sizes ${sizes.join(' and ')}), and is frozen`
            : `the log has two records of ${module} that contradict each other, and is frozen`,
        covers: ['frozen', log],
      }
    }
    case 'suspect': {
      const { log, size, code } = event
      return {
        ...{ kind: 'suspect', state: 'firing', severity: 'doubtful', name: 'unexplained head', log, since },
        sentence: `nothing explains a head of size ${size ?? 'beyond any tree'} that the log has signed (${code})`,
        evidence: null,
        covers: size === null ? ['frozen', log] : ['unexplained head', log],
      }
    }
    case 'unauthorised': {
      const { log, module, version, id } = event
      return {
        ...{ kind: 'watch', state: 'firing', severity: 'doubtful', name: 'unauthorised version', log, since },
        sentence: `the log has ${module}@${version} (record ${id}), which its owner has not authorised`,
        evidence: null,
        covers: ['unauthorised version', null],
      }
    }
    default:
      return undefined
  }
}
