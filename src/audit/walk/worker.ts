/** A thread that audits ranges: it reads a folder itself, and asks the main thread for everything over a network. */
import { parentPort, workerData } from 'node:worker_threads'
import { LogFolder, type LogSource } from '../../sumdb/log-source.js'
import { auditPart } from './part.js'
import type { PartRange } from './unit.js'
import { HashTiles } from './hash-tiles.js'
import { AskingSource, toldError, type Answer, type WorkerSetting } from './worker-messages.js'

const { folder, origin, tree, seed, atOnce } = workerData as WorkerSetting
const port = parentPort!
const asking = folder === undefined ? new AskingSource((question) => port.postMessage({ question })) : undefined
const source: LogSource = asking ?? new LogFolder(folder!)
/** Read once, with the first range. */
let tiles: Promise<HashTiles> | undefined

port.on('message', (message: { range: PartRange } | { answer: Answer }) => {
  if ('answer' in message) asking?.answered(message.answer)
  else void audit(message.range)
})

async function audit(range: PartRange): Promise<void> {
  try {
    tiles ??= HashTiles.open(tree, source, origin)
    const part = await auditPart(range, { tiles: await tiles, source, origin, seed, atOnce })
    port.postMessage({ part }, [part.keys.buffer as ArrayBuffer])
  } catch (error) {
    tiles = undefined
    port.postMessage({ failed: toldError(error) })
  }
}
