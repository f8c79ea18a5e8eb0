/**
 * A process in which a witness over a real home follows a history in memory, and which kills itself at a given place,
 * by SIGKILL, so that nothing is closed or flushed. It writes what it releases to stdout, one JSON line each.
 *
 *   node --conditions gossum-source --import tsx test/helpers/crash-child.ts '{"home": ..., "die": ..., ...}'
 */
import '../../src/lib/polyfill.js'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { DiskJournalFile } from '../../src/store/journal-file.js'
import { Store } from '../../src/store/store.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatHash } from '../../src/tlog/hash.js'
import { parseNote, type SignerKey } from '../../src/tlog/note.js'
import { cosignatureIn, startHeart, testSigner, testWitness } from './heart.js'
import { History, showing } from './history.js'

export interface ChildTask {
  readonly home: string
  /** Where to die: never, in the signature, before or after the journal is synced, before a publication has left. */
  readonly die: 'never' | 'sign' | 'journal-before' | 'journal-after' | 'publish'
  /** How many times that place is passed before the process dies there. */
  readonly after: number
  /** The sizes to follow, in order. */
  readonly from: number
  readonly to: number
  /** Opens the store, reports it, and waits to be killed. */
  readonly onlyOpen?: boolean
}

/** A cosignature that left the child. */
export interface Released {
  readonly size: number
  readonly root: string
  readonly time: number
  /** Base64 of the signature line's bytes. */
  readonly signature: string
}

/** The cosignature in a published note. */
export function releasedIn(note: Uint8Array): Released {
  const { size, root } = parseCheckpoint(parseNote(note).text)
  const { time, signature } = cosignatureIn(note)
  return { size, root: formatHash(root), time, signature: Buffer.from(signature.bytes).toString('base64') }
}

/** The log that the child follows; its parent uses it too. */
export const childLog = testSigner('log.example', 1)

function say(value: unknown): void {
  writeSync(1, `${JSON.stringify(value)}\n`)
}

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal has been sent: nothing may happen until it arrives.
  for (;;);
}

async function main(task: ChildTask): Promise<void> {
  let passed = 0
  const pass = (place: ChildTask['die']): void => {
    if (task.die === place && passed++ >= task.after) die()
  }
  const signer: SignerKey = {
    verifier: testWitness.verifier,
    sign: (message) => {
      pass('sign')
      return testWitness.sign(message)
    },
  }
  const store = task.die.startsWith('journal') ? await openWithJournal(task.home, pass) : await Store.open(task.home)
  if (task.onlyOpen === true) {
    say('open')
    process.stdin.resume()
    return
  }
  const history = new History(childLog)
  const heart = await startHeart({
    logKey: childLog.verifier,
    prefix: showing(history),
    store,
    signer,
    onPublish: (note) => {
      pass('publish')
      say(releasedIn(note))
    },
  })
  say('ready')
  for (let size = task.from; size <= task.to; size++) await heart.submit('poll', history.head(size))
  await heart.stop()
  say('done')
}

/** The store of a home whose journal can die before or after an already written line is synced. */
async function openWithJournal(home: string, pass: (place: ChildTask['die']) => void): Promise<Store> {
  await (await Store.open(home)).close()
  const db = new Level(join(home, 'db'))
  await db.open()
  class DyingJournal extends DiskJournalFile {
    override async datasync(): Promise<void> {
      pass('journal-before')
      await super.datasync()
      pass('journal-after')
    }
  }
  return Store.over(db, new DyingJournal(join(home, 'journal')))
}

if (process.argv[2] !== undefined && /crash-child\.m?[jt]s$/.test(process.argv[1] ?? ''))
  await main(JSON.parse(process.argv[2]) as ChildTask)
