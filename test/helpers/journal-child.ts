/**
 * A process that advances logs in a home, and reports on stdout each state that the store says is durable. Its parent
 * records its system calls.
 *
 *   node --conditions gossum-source --import tsx test/helpers/journal-child.ts HOME
 */
import '../../src/lib/polyfill.js'
import { writeSync } from 'node:fs'
import { Store } from '../../src/store/store.js'

const LOGS = ['a', 'b', 'c'].map((letter) => letter.repeat(64))
/** Makes the file long enough that a short one replaces it while it is in use. */
const NOTE = 'n'.repeat(24_000)

async function run(home: string): Promise<void> {
  for (let opening = 0; opening < 2; opening++) {
    const store = await Store.open(home)
    const advance = async (log: string): Promise<void> => {
      const from = store.heads.get(log)
      const size = from.seq + 1
      const state = await store.heads.change(log, from, {
        tree: { size, root: new Uint8Array(32).fill(size) },
        note: NOTE,
      })
      writeSync(1, `${JSON.stringify({ log, seq: state!.seq })}\n`)
    }
    for (let round = 0; round < 20; round++) {
      await advance(LOGS[0]!)
      await Promise.all(LOGS.map(advance))
    }
    await store.close()
  }
}

await run(process.argv[2]!)
