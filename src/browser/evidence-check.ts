/** Verifies evidence, or what a build printed, in the browser. */
import { provenText } from '../dashboard/proven.js'
import { GossumError } from '../errors.js'
import { encodeEvidence } from '../evidence/evidence.js'
import { evidenceInText, type FromText, type ProvenEvidence } from '../evidence/from-text.js'
import { logKeys, trustText, type NodeKeys } from './trusted-keys.js'
import type { CheckAnswer } from './shown-answer.js'

/** `id` is that of the expected evidence, if it is known. */
export function checkEvidence(bytes: Uint8Array, keys: NodeKeys, id?: string): CheckAnswer {
  let found: FromText
  try {
    found = evidenceInText(bytes, { logs: logKeys(keys), witnesses: keys.witnesses })
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return unproven([error.message, error.hint])
  }
  const { proven, failures, heads } = found
  if (proven.length === 0) {
    const why = failures.map(({ message }) => message)
    const seen =
      heads.length === 0 ? [] : [`Signed heads in it: ${heads.length}. They do not contradict each other here.`]
    return unproven([...why, ...seen])
  }
  if (id !== undefined && !proven.some((one) => one.id === id))
    return unproven([`The file is other evidence than ${id}: ${proven.map((one) => one.id).join(', ')}`])
  const [first, ...others] = proven.filter((one) => id === undefined || one.id === id)
  return {
    kind: 'good',
    sentence: `PROVEN: ${sentenceOf(first!)}.`,
    details: [
      ...others.map((one) => `Proven as well: ${sentenceOf(one)}.`),
      `Evidence ${first!.id}, ${first!.type}: the signatures and the proofs in the file hold.`,
      trustText(first!.key),
      `gossum verify FILE --log ${first!.key.vkey}`,
    ],
    ...(id === undefined && { file: { name: `${first!.id}.json`, bytes: encodeEvidence(first!.evidence) } }),
  }
}

function sentenceOf({ key, witness, sizes, module }: ProvenEvidence): string {
  const told = {
    sizes: [...sizes] as [number, number],
    witness: witness?.vkey ?? null,
    ...(module !== undefined && { module }),
  }
  return provenText(told, key.name)
}

function unproven(details: readonly string[]): CheckAnswer {
  return { kind: 'bad', sentence: 'NOT PROVEN: this convicts nobody.', details }
}
