/**
 * The keys used by a check: those of the logs that the node follows and the witnesses that it counts, according to the
 * node; that of sum.golang.org is built in. So a node is believed about the keys of its own logs, which every answer
 * says.
 */
import { SUM_GOLANG_ORG } from '../config/known-logs.js'
import { unlessRefused } from '../errors/attempt.js'
import { isSumDb } from '../status/go-setting.js'
import type { LogView, StatusView, WitnessView } from '../status/shapes.js'
import { parseVerifierKey, type VerifierKey } from '../tlog/note.js'
import { jsonFromNode } from './own-node.js'

/** The most bytes of the node's status. */
const MAX_STATUS_BYTES = 32 * 1024 * 1024

export interface LogOfNode {
  readonly id: string
  readonly key: VerifierKey
  /** Whether it can be asked here like the go command would. */
  readonly isDatabase: boolean
}

export interface NodeKeys {
  readonly logs: readonly LogOfNode[]
  /** Those that the node's policy counts, including its own. */
  readonly witnesses: readonly VerifierKey[]
  /** How many of them a head needs; null without a policy. */
  readonly threshold: number | null
}

export async function keysOfNode(): Promise<NodeKeys> {
  const [status, { witnesses }] = (await Promise.all([
    jsonFromNode('/api/v1/status', MAX_STATUS_BYTES),
    jsonFromNode('/api/v1/witnesses', MAX_STATUS_BYTES),
  ])) as [StatusView, { witnesses: WitnessView[] }]
  return {
    logs: status.logs.flatMap(followed),
    witnesses: witnesses.flatMap(({ key }) => unlessRefused(() => parseVerifierKey(key)) ?? []),
    threshold: status.policy?.threshold ?? null,
  }
}

function followed(log: LogView): LogOfNode[] {
  const key = unlessRefused(() => parseVerifierKey(log.key))
  return key === undefined ? [] : [{ id: log.id, key, isDatabase: isSumDb(log) }]
}

/** The keys of all logs. */
export function logKeys({ logs }: NodeKeys): VerifierKey[] {
  const keys = logs.map(({ key }) => key)
  return keys.some(({ vkey }) => vkey === SUM_GOLANG_ORG) ? keys : [...keys, parseVerifierKey(SUM_GOLANG_ORG)]
}

/** Where the key came from on which an answer relies, and what remains to be trusted. */
export function trustText({ name, vkey }: Pick<VerifierKey, 'name' | 'vkey'>): string {
  const from =
    vkey === SUM_GOLANG_ORG
      ? `Verified in this browser with the key of ${name} that is built into this page's program.`
      : `Verified in this browser with the key that this node says ${name} has, ${vkey}.`
  return `${from} The program came from this node as well. To depend on neither, run gossum on a machine of your own.`
}
