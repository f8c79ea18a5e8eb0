/**
 * Asks about module versions, for the commands that need it: what was proven, what failed, what convicts, and what
 * earlier runs found. Cheap to load: the code that asks is loaded only when there is something to ask.
 */
import { isAbsolute, join } from 'node:path'
import { LineCache } from '../../../audit/line-cache.js'
import { userHome } from '../../../config/user-home.js'
import { errorCode } from '../../../errors.js'
import type { ModuleVersion } from '../../../sumdb/module-version.js'
import { EXIT, exitCodeOf } from '../../exit.js'
import type { Output } from '../../ui/output.js'
import type { GoSumSettings } from './gosum-settings.js'
import type { GoSumAnswers, Wanted } from './gosum-source.js'
import type { EvidenceReport, HeadReport } from './gosum-text.js'

/** What was found out by asking, and what went wrong. */
export interface ModulesAsked extends Partial<GoSumAnswers> {
  readonly problem?: unknown
  readonly exit: number
}

/** The cache of lines that were found in the log; undefined for a user without a home. */
export function lineCacheOf({ vkey, trust }: GoSumSettings): LineCache | undefined {
  const xdg = process.env['XDG_CACHE_HOME']
  const home = userHome()
  const base = xdg && isAbsolute(xdg) ? xdg : home && join(home, '.cache')
  return base === undefined ? undefined : new LineCache(join(base, 'gossum', 'go-sum-lines'), vkey, trust)
}

/** Asks, and turns what is thrown into a problem. */
export async function askModules(
  modules: readonly ModuleVersion[],
  settings: GoSumSettings,
  wanted: Wanted,
  out: Output,
): Promise<ModulesAsked> {
  const { askAbout, NoQuorumHead } = await import('./gosum-source.js')
  try {
    const work = askAbout(modules, settings, wanted)
    return { ...(await out.progress(`checking ${modules.length} module versions`, work)), exit: EXIT.fine }
  } catch (problem) {
    return { problem, exit: problem instanceof NoQuorumHead ? EXIT.undecided : exitCodeOf(errorCode(problem)) }
  }
}

/**
 * Stores convicting evidence in files, and submits it to the node that was asked, which may prove more from the heads.
 */
export async function keepEvidence(
  { evidence, convicting }: ModulesAsked,
  { source }: GoSumSettings,
  file: string | undefined,
  out: Output,
): Promise<EvidenceReport | null> {
  const [first, ...others] = evidence ?? []
  if (first === undefined) return null
  const { evidenceId } = await import('../../../evidence/evidence.js')
  const { parseCheckpoint } = await import('../../../tlog/checkpoint.js')
  const { giveEvidence, keepInFile } = await import('../evidence/evidence-file.js')
  const witnesses: EvidenceReport['witnesses'][number][] = []
  const written = await keepInFile(first, file, out)
  for (const one of others) {
    if (!('witness' in one)) continue
    witnesses.push({ id: evidenceId(one), witness: one.witness, file: await keepInFile(one, undefined, out) })
  }
  if (source.kind === 'node') {
    const { NodeClient } = await import('../../node-client.js')
    const { giveHeads } = await import('../evidence/give-heads.js')
    const node = new NodeClient(source.url)
    for (const one of [first, ...others]) {
      const id = evidenceId(one)
      await giveEvidence(node, one).then(
        ({ fate }) => out.talk(`evidence ${id} is with the node at ${source.url} (${fate})`),
        (error: unknown) => out.error(error),
      )
    }
    await giveHeads(convicting ?? [], new Set([first, ...others].map(evidenceId)), node, out)
  }
  const sizes = first.heads.map((head) => parseCheckpoint(head).size) as [number, number]
  return { id: evidenceId(first), sizes, file: written, witnesses }
}

/** The quorum head, as --json prints it. */
export function headReport(quorum: GoSumAnswers['quorum'] | undefined): HeadReport | null {
  if (quorum === undefined) return null
  const { head, cosignatures } = quorum
  return { size: head.size, root: Buffer.from(head.root).toString('base64'), cosignatures }
}
