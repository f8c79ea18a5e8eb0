/**
 * Two machines with one key, a primary and its synchronous standby, and all kinds of faults, one after another, while a
 * log pushes to both. FAULTS=200 for a long storm, SEED to repeat one.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { parseVerifierKey, type Note } from '../../src/tlog/note.js'
import { parseNote } from '../../src/tlog/note.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { gossum } from '../helpers/cli.js'
import { Cutter, Pair } from '../helpers/failover.js'
import { testSigner } from '../helpers/heart.js'
import { testClock } from '../helpers/clock.js'
import { smallDisk, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { hasPostgres, newSchema } from '../helpers/postgres.js'
import { push, PushingLog } from '../helpers/witness-client.js'
import { freePort } from '../helpers/free-port.js'
import { seeded } from '../helpers/volatile-disk.js'

const FAULTS = Number(process.env['FAULTS'] ?? 12)
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
/** Space for the home of a node, and little more. */
const DISK_KIB = 16 * 1024
/** Milliseconds by which a clock jumps: within a minute ahead of the others, or far behind them. */
const CLOCK_JUMPS = [-3_600_000, -40_000, 15_000, 45_000] as const
/** Milliseconds within which the witness must sign again after a fault, on a busy machine. */
const BACK_MS = 60_000

interface Released {
  readonly size: number
  readonly time: number
}

test.skipIf(!hasPostgres)(
  `whatever happens, what the key signs is one history that never goes back (${FAULTS} faults, SEED=${SEED})`,
  async () => {
    const random = seeded(SEED)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
    const pair = await Pair.start(true)
    onTestFinished(() => pair.remove())
    const cutter = await Cutter.start(() => pair.primary.port)
    onTestFinished(() => cutter.close())
    const schema = await newSchema(pair.primary)

    // ---- two machines ------------------------------------------------------------------------------------------
    const log = new PushingLog(testSigner('log.example', 1))
    const disks = [smallDisk(DISK_KIB), smallDisk(DISK_KIB)] as const
    const homes = [disks[0]?.path ?? temporaryHome(), disks[1]?.path ?? temporaryHome()] as const
    const clocks = [testClock(), testClock()] as const
    const urls = [pair.url(schema), cutter.url(schema)] as const
    expect(await gossum(['key', 'new', '--home', homes[0]])).toMatchObject({ code: 0 })
    copyFileSync(join(homes[0], 'witness.key'), join(homes[1], 'witness.key'))
    expect(await gossum(['state', 'init', '--home', homes[0], '--state', urls[0]])).toMatchObject({ code: 0 })
    const ports = [await freePort(), await freePort()] as const
    const meshPorts = [await freePort(), await freePort()] as const
    const nodes: RunningNode[] = []
    const start = async (i: 0 | 1): Promise<void> => {
      const args = ['--log', `${log.signer.verifier.vkey} -`, '--state', urls[i], '--guard-wait', '1']
      const places = ['--http', `127.0.0.1:${ports[i]}`, '--listen', `/ip4/127.0.0.1/tcp/${meshPorts[i]}`]
      const peer = ['--bootstrap', `/ip4/127.0.0.1/tcp/${meshPorts[1 - i]!}`]
      nodes[i] = await RunningNode.start(homes[i], [...args, ...places, ...peer], clocks[i].env)
    }
    await start(0)
    await start(1)
    const key = parseVerifierKey(nodes[0]!.ready.witness)

    // ---- a log that pushes to both ------------------------------------------------------------------------------
    const released: Released[] = []
    let size = 0
    const last: string[] = []
    const happened: string[] = []
    const pushTo = async (i: number, from: number, to: number): Promise<number> => {
      const late = delay(BACK_MS, 'late' as const, { ref: false })
      const asked = push(`http://127.0.0.1:${ports[i]!}`, log.body(from, to)).catch(() => undefined)
      const answer = await Promise.race([asked, late])
      if (answer === 'late') throw new Error(`a push to ${i} is not answered (SEED=${SEED}): ${happened.join(', ')}`)
      last[i] = answer === undefined ? 'no answer' : `${answer.status} ${answer.body.slice(0, 300)}`
      if (answer?.status === 409) size = Number(answer.body)
      if (answer?.status !== 200) return answer?.status ?? 0
      const head: Note = parseNote(log.head(to))
      const note = parseNote(utf8(`${head.text}\n${answer.body}`))
      const line = note.signatures.find(({ name }) => name === key.name)
      const cosignature = line && verifyCosignature(note.text, line, key)
      if (cosignature === undefined) throw new Error('it answers 200 with no signature of its own')
      // The line is of this text, and the text of this history.
      released.push({ size: to, time: cosignature.time })
      size = Math.max(size, to)
      return answer.status
    }
    /** A step to one machine, and the same or another one to the other. */
    const pushes = async (): Promise<boolean> => {
      const [from, to] = [size, size + 1 + Math.floor(random() * 3)]
      const results = await Promise.all([pushTo(0, from, to), pushTo(1, from, to + Math.floor(random() * 2))])
      return results.includes(200)
    }
    const untilSigned = async (): Promise<number> => {
      const began = Date.now()
      while (!(await pushes())) {
        if (Date.now() - began > BACK_MS)
          throw new Error(`nothing is signed any more (SEED=${SEED}): ${happened.join(', ')}: ${last.join(' | ')}`)
        await delay(50)
      }
      return Date.now() - began
    }
    await untilSigned()

    // ---- whatever can happen ------------------------------------------------------------------------------------
    const backends = (how: 'cancel' | 'terminate') => async (): Promise<void> => {
      const during = Array.from({ length: 4 }, () => pushes())
      await pair.primary.query(`SELECT pg_${how}_backend(pid) FROM pg_stat_activity WHERE application_name = 'gossum'`)
      await Promise.all(during)
    }
    const faults: Readonly<Record<string, () => Promise<void>>> = {
      'a node is killed': async () => {
        const i = pick([0, 1] as const)
        const during = pushes()
        await nodes[i]!.kill()
        await during
        await start(i)
      },
      'the primary is killed and comes back': async () => {
        const during = pushes()
        await pair.primary.stop('kill')
        await during
        await pair.primary.start()
      },
      'the primary is lost and its standby takes over': async () => {
        const during = pushes()
        await pair.lose()
        await during
        await pair.rejoin()
      },
      'the standby is away for a while': async () => {
        await pair.standby.stop('fast')
        const during = pushes()
        await pair.primary.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        await pair.standby.start()
        await during
      },
      'statements are cancelled': backends('cancel'),
      'connections are ended': backends('terminate'),
      'a connection is cut before a commit': async () => {
        cutter.cut = 'before'
        await pushes()
      },
      'a connection is cut after a commit': async () => {
        cutter.cut = 'after'
        await pushes()
      },
      'a clock jumps, and back': async () => {
        const i = pick([0, 1] as const)
        clocks[i].set(pick(CLOCK_JUMPS), nodes[i])
        await pushes()
        await pushes()
        clocks[i].set(0, nodes[i])
      },
      'an older copy of the database is put in its place': async () => {
        const backup = await pair.primary.backup()
        await untilSigned()
        const restored = await pair.putBack(backup)
        // Each has seen what does not exist any more, and reports that once it reaches the server.
        const bothSay = async (): Promise<string[]> => {
          expect(await pushes()).toBe(false)
          return last
        }
        const older = expect.stringContaining('the journal and the database disagree') as string
        await expect.poll(bothSay, { timeout: BACK_MS }).toEqual([older, older])
        await restored.end()
      },
      ...(disks[0] &&
        disks[1] && {
          'the disk of a machine is full for a while': async () => {
            const i = pick([0, 1] as const)
            disks[i]!.fill()
            await pushes()
            await pushes()
            disks[i]!.free()
          },
        }),
      ...(pair.primary.disk && {
        'the disk of the primary is full for a while': async () => {
          const { disk } = pair.primary
          disk?.fill()
          // It continues until it needs another file.
          await pair.primary.query('SELECT pg_switch_wal()').catch(() => undefined)
          await pushes()
          await pushes()
          disk?.free()
          await pair.primary.stop('kill')
          await pair.primary.start()
        },
      }),
    }
    const times: number[] = []
    const names = Object.keys(faults)
    // Each kind once, in random order; then random ones.
    const once = names.map((name) => ({ name, at: random() })).sort((a, b) => a.at - b.at)
    for (let fault = 0; fault < FAULTS; fault++) {
      const name = once[fault]?.name ?? pick(names)
      happened.push(name)
      await faults[name]!()
      times.push(await untilSigned())
    }

    // ---- one machine sees a lie: the other one signs no more, either ---------------------------------------------
    const lie = log.fork(1).body(size, size)
    expect((await push(nodes[0]!.ready.http, lie)).status).not.toBe(200)
    await expect.poll(() => pushTo(1, size, size + 1), { timeout: BACK_MS }).not.toBe(200)

    // ---- what was ever released ---------------------------------------------------------------------------------
    const seconds = [...new Set(released.map(({ time }) => time))].sort((a, b) => a - b)
    let highest = 0
    for (const second of seconds) {
      const sizes = released.flatMap(({ time, size: at }) => (time === second ? at : []))
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(highest)
      highest = Math.max(highest, ...sizes)
    }
    const sorted = times.toSorted((a, b) => a - b)
    const report = {
      ...{ faults: FAULTS, seed: SEED, cosignatures: released.length, size },
      backMs: { p50: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) },
    }
    process.stdout.write(`${JSON.stringify(report)}\n`)
  },
  FAULTS * 40_000 + 60_000,
)
