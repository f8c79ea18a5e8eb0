/** Auditors of ranges: in this thread, or in several others. */
import { Worker } from 'node:worker_threads'
import { GossumError } from '../../errors.js'
import { LogFolder, type LogSource } from '../../sumdb/log-source.js'
import type { Tree } from '../../tlog/merkle.js'
import { HashTiles } from './hash-tiles.js'
import type { KeySeed } from './module-keys.js'
import { auditPart, type PartReading } from './part.js'
import type { Part, PartRange } from './unit.js'
import {
  errorOf,
  toldError,
  type Answer,
  type Question,
  type ToldError,
  type WorkerSetting,
} from './worker-messages.js'

/** Audits one range at a time. */
export interface PartAuditor {
  audit(range: PartRange, signal: AbortSignal | undefined): Promise<Part>
  stop(): Promise<void>
}

/** What all auditors of one tree share. */
export interface TreeToAudit {
  readonly tree: Tree
  readonly origin: string
  readonly source: LogSource
  readonly seed: KeySeed
  readonly onRecords?: PartReading['onRecords']
}

/** How many tiles one auditor fetches concurrently: over a network it waits for them, in a folder they are at hand. */
function tilesAtOnce(source: LogSource): number {
  return source instanceof LogFolder ? 1 : 8
}

/** An auditor in this thread. Throws what HashTiles.open throws. */
export async function auditorHere(audited: TreeToAudit, signal?: AbortSignal): Promise<PartAuditor> {
  const { tree, source, origin, seed, onRecords } = audited
  const tiles = await HashTiles.open(tree, source, origin, signal)
  const reading = { tiles, source, origin, seed, onRecords, atOnce: tilesAtOnce(source) }
  return {
    audit: (range, stop) => auditPart(range, { ...reading, signal: stop }),
    stop: () => Promise.resolve(),
  }
}

/** An auditor in a thread of its own. */
export function auditorBeside({ tree, source, origin, seed }: TreeToAudit): PartAuditor {
  const folder = source instanceof LogFolder ? source.dir : undefined
  const setting: WorkerSetting = { folder, origin, tree, seed, atOnce: tilesAtOnce(source) }
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: setting })
  let settle: { resolve: (part: Part) => void; reject: (error: unknown) => void } | undefined
  let wanted: AbortSignal | undefined

  const answer = async ({ number, path, maxBytes }: Question): Promise<void> => {
    try {
      const data = await source.get(path, maxBytes, wanted === undefined ? {} : { signal: wanted })
      // A copy: the bytes may be a view of something larger that is still in use.
      worker.postMessage({ answer: { number, data: new Uint8Array(data) } satisfies Answer })
    } catch (error) {
      worker.postMessage({ answer: { number, error: toldError(error) } satisfies Answer })
    }
  }
  worker.on('message', (message: { question: Question } | { part: Part } | { failed: ToldError }) => {
    if ('question' in message) void answer(message.question)
    else if ('part' in message) settle?.resolve(message.part)
    else settle?.reject(errorOf(message.failed))
  })
  worker.on('error', (error) => settle?.reject(error))
  worker.on('exit', () => settle?.reject(new GossumError('INTERNAL', 'a thread ended unexpectedly')))

  return {
    audit: (range, signal) =>
      new Promise<Part>((resolve, reject) => {
        signal?.throwIfAborted()
        const onAbort = (): void => reject(signal!.reason as Error)
        signal?.addEventListener('abort', onAbort, { once: true })
        settle = {
          resolve: (part) => {
            signal?.removeEventListener('abort', onAbort)
            resolve(part)
          },
          reject,
        }
        wanted = signal
        worker.postMessage({ range })
      }),
    stop: async () => {
      settle = undefined
      await worker.terminate()
    },
  }
}
